"""The tools around the code: make, requirement files, and the recipe of .github/CONTRIBUTING.md."""
