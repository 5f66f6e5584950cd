"""Django Channels: the chat of its tutorial with the in-memory layer, served by daphne."""

import json
import sys

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.urls import re_path

LAYER = {"BACKEND": "channels.layers.InMemoryChannelLayer"}


class Chat(AsyncWebsocketConsumer):
    async def connect(self):
        room = self.scope["url_route"]["kwargs"]["room"]
        if room == "closed":
            await self.close()
            return
        self.group = f"chat_{room}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        if hasattr(self, "group"):
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data):
        said = json.loads(text_data)["message"]
        await self.channel_layer.group_send(self.group, {"type": "chat.message", "message": said})

    async def chat_message(self, event):
        await self.send(text_data=json.dumps({"message": event["message"]}))


settings.configure(SECRET_KEY="x", CHANNEL_LAYERS={"default": LAYER})
django.setup()
routes = URLRouter([re_path(r"^ws/chat/(?P<room>\w+)/$", Chat.as_asgi())])
endpoints = build_endpoint_description_strings(host="127.0.0.1", port=int(sys.argv[1]))
Server(ProtocolTypeRouter({"websocket": routes}), endpoints=endpoints, signal_handlers=False).run()
