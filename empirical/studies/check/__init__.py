"""The assumptions A1 to A8 evaluated on a data set, and the theorems that then apply."""
