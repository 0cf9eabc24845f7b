"""aiogram with ten rules, in webhook mode: it sends each reply by HTTP to the API that it is given."""

import sys

import uvloop
from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from tests.load.words import peers_rules

TOKEN = "42:siyubench"
SECRET = "siyubench"
RULES = 10


async def _answer(message: Message) -> None:
    await message.answer(f"answers {message.message_id}")


def main() -> None:
    """Serve on the first port, send to the second."""
    port, platform = sys.argv[1:]
    api = TelegramAPIServer.from_base(f"http://127.0.0.1:{platform}")
    bot = Bot(TOKEN, session=AiohttpSession(api=api))
    dispatcher = Dispatcher()
    for words in peers_rules(RULES):
        looked_for = F.text.contains(words[0])
        for word in words[1:]:
            looked_for |= F.text.contains(word)
        dispatcher.message.register(_answer, looked_for)
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=SECRET).register(app, path="/hook")
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
