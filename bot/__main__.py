"""How is the bot started without its console script? `python -m bot`."""

from bot.cli import main

if __name__ == "__main__":
    main()
