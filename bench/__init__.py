"""What kstate costs, against the floor: `python -m bench` measures it and writes docs/performance.md."""
