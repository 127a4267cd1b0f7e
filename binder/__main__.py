"""`python -m binder`, and what `accelerate launch -m binder train ...` starts."""

from binder.cli import main

if __name__ == "__main__":
    main()
