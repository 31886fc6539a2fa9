"""``python -m txmultipart`` is the ``txmultipart`` command."""

from txmultipart.app.main import main

if __name__ == "__main__":
    main()
