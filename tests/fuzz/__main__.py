import argparse, sys
from pathlib import Path
from tests.fuzz import routes

p = argparse.ArgumentParser()
p.add_argument("--seconds", type=float, default=60)
p.add_argument("--requests", type=int)
p.add_argument("--seed", type=int, default=1)
a = p.parse_args()
sys.exit(0 if routes.fuzz(a.seconds, a.requests, a.seed, Path(".cache/fuzz")) else 1)
