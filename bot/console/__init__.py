"""What does the operator see in a browser? A page at /, served by the bot's own process behind the same tokens as the API."""
