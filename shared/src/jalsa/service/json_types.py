"""The types of what is JSON, or on its way to it. Each says why the compiler cannot know more.

`Any` stands here once with its reason, so that an `Any` anywhere else has to explain itself.
"""

from collections.abc import Mapping
from typing import Any

#: An object of JSON, such as marshmallow reads or writes it. The schema says what is in it, and only at run time.
JsonObject = dict[str, Any]

#: An object of JSON that is only read.
JsonMapping = Mapping[str, Any]

#: A class whose constructor takes what a schema has read. No two commands take the same arguments.
Constructed = type[Any]
