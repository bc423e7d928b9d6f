"""What type checkers see at the ends of edges. Nothing here exists at run time.

``Takes1`` to ``Takes4`` are tasks that take a result.

``parse.map()`` of a ``Task[[str, int], bytes]`` takes what has strings as elements, in place of its
first argument, and gives what is both a ``list[bytes]`` and a ``Mapped[bytes]``: a task behind it
may take either. With ``over``, other arguments than the first one may be elements, which a checker
does not know; then the first one has to be annotated for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Any, Protocol, SupportsIndex, TypeAlias, TypeVar, overload

    from ..core.mapped_sequence import Mapped
    from .task_edges import P2, R2, Exactly, TaskEdges, X

    Given = TypeVar("Given", contravariant=True)
    Element = TypeVar("Element", covariant=True)

    class Takes1(Exactly[P2, R2], Protocol[Given, P2, R2]):
        """A task that takes a result as its first argument."""

        def __call__(  # noqa: D102
            self, given: Given, /, *args: Any, **kwargs: Any
        ) -> object: ...

    class Takes2(Exactly[P2, R2], Protocol[Given, P2, R2]):
        """A task that takes a result as its second argument."""

        def __call__(  # noqa: D102
            self, first: Any, given: Given, /, *args: Any, **kwargs: Any
        ) -> object: ...

    class Takes3(Exactly[P2, R2], Protocol[Given, P2, R2]):
        """A task that takes a result as its third argument."""

        def __call__(  # noqa: D102
            self, first: Any, second: Any, given: Given, /, *args: Any, **kwargs: Any
        ) -> object: ...

    class Takes4(Exactly[P2, R2], Protocol[P2, R2]):
        """A task that takes four arguments."""

        def __call__(  # noqa: D102
            self, first: Any, second: Any, third: Any, last: Any, /, *args: Any, **kwargs: Any
        ) -> object: ...

    class Elements(Protocol[Element]):
        """A list, tuple, range or ``Mapped``, and no string: ``"a" in 7`` is no error for these."""

        @overload
        def __getitem__(self, at: SupportsIndex, /) -> Element: ...
        @overload
        def __getitem__(self, at: slice, /) -> Sequence[Element]: ...
        def __contains__(self, value: object, /) -> bool: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[Element]: ...

    class Pairs(Protocol[Element]):
        """A dict, whose elements are its items."""

        def items(self) -> AbstractSet[Element]: ...  # noqa: D102

    Mappable: TypeAlias = Elements[X] | Pairs[X]
    # What ``flatten=True`` maps over: the elements of what the items of another map returned.
    Nested: TypeAlias = Elements[Elements[X] | Pairs[X]]

    class MapResults(list[Element], Mapped[Element]):  # type: ignore[type-var]
        """The results of all items: a list and a ``Mapped`` at the same time."""

    # A mapped task. Where items may be skipped or fail, a list with None among its elements fits.
    GivesSome: TypeAlias = TaskEdges[..., MapResults[X]]
