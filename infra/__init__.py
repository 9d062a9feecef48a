"""The cloud resources of a stage, declared in resources.yaml."""
