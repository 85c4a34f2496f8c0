"""The command ``phases`` as a process; also ``python -m empirical.command``."""

from __future__ import annotations

from empirical.command.interrupts import run


def main() -> None:
    """Run the command; Ctrl-C is handled from here on, also while the libraries load."""
    run(_command)


def _command() -> None:
    from phases import app

    app()


if __name__ == "__main__":
    main()
