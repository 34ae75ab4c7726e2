"""The parts of `benchmarks.one_vs_many`: what all contenders share, the contenders, and what they answer."""
