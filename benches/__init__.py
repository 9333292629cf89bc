"""One command per published figure: `python -m benches`."""
