"""The rows of published datasets: from the hub, a folder, or a benchmark's offline sample."""
