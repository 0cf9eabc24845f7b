"""Runs the simulator: `python -m services.douyin_simulator`."""

from services.douyin_simulator.service import main

if __name__ == "__main__":
    main()
