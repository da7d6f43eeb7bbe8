"""What talks to AWS: threads, config, secrets, queues."""
