"""The transactions that end a shard, open the next stage, or end the audit."""
