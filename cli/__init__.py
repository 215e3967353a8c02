"""The one command: `otcrisk <verb>`."""
