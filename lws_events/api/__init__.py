"""The LeaderWorkerSet API as typed definitions, from which the CustomResourceDefinition is generated."""
