"""Many runs of one thing: on all cores or a cluster, each once, and none of them lost."""
