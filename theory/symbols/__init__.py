"""The symbols and expressions that the theorems derive and the numbers are evaluated from."""
