"""What all bodies of controls share: known fields only, so that a typing error is not silence."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Code = Annotated[int, Field(ge=1, le=2**53)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class Body(BaseModel):
    """A JSON object with known fields only, of exactly the types that it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
