"""Calls to Douyin: one try each, the answer uninterpreted."""

from services.douyin.clients.asking import Asking
from services.douyin.clients.oauth import TOKEN_SECONDS, OAuth
from services.douyin.clients.platform import SEND_SECONDS, Outgoing, Platform

__all__ = ["SEND_SECONDS", "TOKEN_SECONDS", "Asking", "OAuth", "Outgoing", "Platform"]
