"""Know model files and run them: the contract, the shipped models, the backends."""
