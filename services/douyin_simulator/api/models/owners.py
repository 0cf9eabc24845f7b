"""Bodies of the controls about apps, accounts and what owners grant."""

from typing import Annotated

from pydantic import Field

from services.douyin_simulator.api.models.base import Body, Id

Scopes = Annotated[list[Id], Field(max_length=100)]


class AppBody(Body):
    """An app; `{client_key}` in the URL is replaced by its key, no scopes means all of them."""

    client_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    client_secret: Annotated[str, Field(min_length=1, max_length=200)]
    webhook_url: Annotated[str, Field(max_length=2000)] | None = None
    scopes: Scopes | None = None
    redirect_domain: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    own_open_ids: bool = False


class AccountBody(Body):
    """An account, the app that it has authorised, and what keeps it from sending."""

    open_id: Id
    client_key: Id
    nickname: Annotated[str, Field(min_length=1, max_length=100)] = "企业号"
    workbench: bool = False
    certified: bool = True
    banned: bool = False
    phone: Annotated[str, Field(max_length=30)] = ""


class OwnerBody(Body):
    """An account, for codes and for the end of its tokens."""

    open_id: Id
    refresh_too: bool = False


class AuthorisationBody(Body):
    """The owner of an account agrees to an app (default: the demo app); no scopes means all."""

    open_id: Id
    client_key: Id | None = None
    scopes: Scopes | None = None
    notify: bool = True


class WithdrawalBody(Body):
    """The owner takes scopes back; none named means all, and the tokens end."""

    open_id: Id
    scopes: Scopes | None = None
    notify: bool = True
