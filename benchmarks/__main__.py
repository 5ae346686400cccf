"""`make bench`: the table of goals. `python -m benchmarks [--full] [NAME…]` runs all of it, or only what is named.

It is a table and no test: the exit status is 0 whatever the figures are. `--full` takes the sizes that the goals are
about; without it all is smaller, and done in a quarter of an hour.
"""

import argparse

from benchmarks.goals import BENCHMARKS, FULL, QUICK, Run
from benchmarks.table import Figure, header, summary


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--full", action="store_true", help="the sizes that the goals are about")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    figures: list[Figure] = []
    print(header(), flush=True)
    with Run(FULL if asked.full else QUICK) as run:
        for name in asked.names or BENCHMARKS:
            for figure in BENCHMARKS[name](run):
                figures.append(figure)
                print(figure, flush=True)
    print(summary(figures))


if __name__ == "__main__":
    main()
