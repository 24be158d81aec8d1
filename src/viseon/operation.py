"""An operation is a method that people may call from outside.

Its signature is the whole interface definition:
positional parameters fill the path, keyword-only ones the body (or query),
the return annotation is the answer, and the docstring is the help text.
REST, SDK and CLI are derived from it; none of them is written by hand.
An operation that `takes` resources is long: calling it gives a `Job`, and a job process runs
the body with a `report`, which is never part of the interface.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Annotated, Any, Literal, Protocol, TypeVar, get_type_hints, overload

from pydantic import Field, TypeAdapter, ValidationError, create_model

from viseon.ports import Report
from viseon.schema import Forbidden, Invalid, Job, Noun, Resources, Role, Scope

F = TypeVar("F", bound=Callable[..., Any])
Verb = Literal["GET", "POST", "PUT", "DELETE"]
Limit = Annotated[int, Field(ge=1, le=1000)]
"""How many entries a page may have."""


@dataclass(frozen=True)
class Operation:
    """Where an operation is found, what it takes and gives, and who may call it."""

    noun: str
    name: str
    verb: Verb
    path: str
    needs: Role
    takes: Resources | None
    secret: bool
    """Whether the answer holds something that must not be stored."""
    preflight: Callable[..., None] | None
    """Looks at a long operation's arguments before it is queued; raises what is wrong."""
    signature: inspect.Signature
    """Without `self` and `report`, with types instead of strings."""
    help: str
    body: Callable[..., Any]
    """The method as it was written."""

    @property
    def full_name(self) -> str:
        """`datasets.commit`."""
        return f"{self.noun}.{self.name}"

    @property
    def in_path(self) -> list[inspect.Parameter]:
        """Parameters that fill the path."""
        return [p for p in self.signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]

    @property
    def given(self) -> list[inspect.Parameter]:
        """Parameters that travel in the body or the query."""
        return [p for p in self.signature.parameters.values() if p.kind is p.KEYWORD_ONLY]

    @cached_property
    def arguments(self) -> type[Noun]:
        """Every parameter as one strict model."""
        return self._model("Arguments", [*self.in_path, *self.given])

    @cached_property
    def request(self) -> type[Noun]:
        """The parameters of the body or the query as one strict model."""
        return self._model("Request", self.given)

    @cached_property
    def answer(self) -> TypeAdapter[Any]:
        """Reads and writes what callers get."""
        return TypeAdapter(self.signature.return_annotation)

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """Reads and writes what the body returns: for a long operation, the job's result."""
        return TypeAdapter(get_type_hints(self.body, include_extras=True)["return"])

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with their types; wrong ones are Invalid."""
        try:
            read = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            raise Invalid.because(error.errors()[0]) from error
        return {name: getattr(read, name) for name in self.signature.parameters}

    def plain(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as JSON values."""
        return self.arguments.model_validate(dict(arguments)).model_dump(mode="json")

    def _model(self, kind: str, parameters: list[inspect.Parameter]) -> type[Noun]:
        fields: dict[str, Any] = {
            p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in parameters
        }
        title = "".join(word.capitalize() for word in f"{self.noun}_{self.name}".split("_"))
        return create_model(f"{title}{kind}", __base__=Noun, **fields)


@dataclass(frozen=True, slots=True)
class Call:
    """The operation being performed, for the audit record."""

    name: str
    arguments: dict[str, Any]


class Submit(Protocol):
    """How a long operation becomes a job."""

    def __call__(self, operation: Operation, arguments: dict[str, Any], /) -> Job:
        """Queue it."""
        ...


class Once(Protocol):
    """How a repeated request is recognised."""

    def __call__(
        self, key: str, operation: Operation, arguments: dict[str, Any], act: Callable[[], Any]
    ) -> Any:
        """What `act` gives as JSON, or what it gave the first time under this key."""
        ...


@dataclass(frozen=True, slots=True)
class Binding:
    """For whom a service acts, and where its long work goes."""

    scope: Scope
    submit: Submit
    once: Once
    follow: Callable[..., Job]
    """Waits for a job; what `job.wait()` calls."""


BOOKKEEPING = Call("", {})
"""Not a deed of anybody: heartbeats, progress, a stream's figures. Leaves no audit record."""

_CALL: ContextVar[Call | None] = ContextVar("call", default=None)
_KEY: ContextVar[str] = ContextVar("idempotency_key", default="")


@contextmanager
def bookkeeping() -> Iterator[None]:
    """Writes inside are the house's own housekeeping rather than part of an operation."""
    token = _CALL.set(BOOKKEEPING)
    try:
        yield
    finally:
        _CALL.reset(token)


@contextmanager
def idempotent(key: str) -> Iterator[None]:
    """Operations called inside act once per key, however often they are repeated."""
    token = _KEY.set(key)
    try:
        yield
    finally:
        _KEY.reset(token)


def current() -> Call | None:
    """The outermost operation being performed now, if any."""
    return _CALL.get()


def bind(service: Any, binding: Binding) -> None:
    """Make a service act for one principal in one workspace."""
    service._binding = binding


@overload
def operation(verb: Verb, path: str, *, needs: Role, secret: bool = False) -> Callable[[F], F]: ...


@overload
def operation(
    verb: Verb,
    path: str,
    *,
    needs: Role,
    takes: Resources,
    preflight: Callable[..., None] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Job]]: ...


def operation(
    verb: Verb,
    path: str,
    *,
    needs: Role,
    takes: Resources | None = None,
    secret: bool = False,
    preflight: Callable[..., None] | None = None,
) -> Callable[[Any], Any]:
    """Publish a service method at `verb /v1{path}` for those whose role includes `needs`.

    `takes` makes it long, and `preflight` (called as the body, without `report`) may then refuse
    before anything is queued; `secret` says its answer may be shown once but never stored.
    """

    def publish(method: Callable[..., Any]) -> Callable[..., Any]:
        found: list[Operation] = []

        def read() -> Operation:
            if not found:
                found.append(_read(method, verb, path, needs, takes))
                found[0] = replace(found[0], secret=secret, preflight=preflight)
            return found[0]

        @wraps(method)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            return _perform(read(), self, args, kwargs)

        called.__operation__ = read  # type: ignore[attr-defined]
        return called

    return publish


def operations(service: type) -> Iterator[Operation]:
    """The operations of a service class in the order they were written; inherited ones last."""
    for kind in service.__mro__:
        for method in vars(kind).values():
            if read := getattr(method, "__operation__", None):
                yield read()


def perform(service: Any, op: Operation, arguments: Mapping[str, Any], report: Report) -> Any:
    """Run the body of a long operation, as the job process does; the result as JSON values."""
    token = _CALL.set(Call(op.full_name, dict(arguments)))
    try:
        answer = op.body(service, **op.check(arguments), report=report)
    finally:
        _CALL.reset(token)
    return op.result.dump_python(answer, mode="json")


def _perform(op: Operation, service: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    binding: Binding | None = getattr(service, "_binding", None)
    if binding is not None and not binding.scope.principal.role.includes(op.needs):
        raise Forbidden(
            f"{op.full_name} needs the role {op.needs.value!r}; "
            f"{binding.scope.principal.name!r} has {binding.scope.principal.role.value!r}",
            fix="ask an admin of the workspace for a token with that role",
        )
    given = op.check(op.signature.bind(*args, **kwargs).arguments)
    answer = _once(op, service, binding, given)
    return answer.bound(binding.follow) if binding and isinstance(answer, Job) else answer


def _once(op: Operation, service: Any, binding: Binding | None, given: dict[str, Any]) -> Any:
    key = _KEY.get()
    if binding is None or not key or op.verb == "GET" or _CALL.get() is not None:
        return _act(op, service, binding, given)

    def act() -> Any:
        return op.answer.dump_python(_act(op, service, binding, given), mode="json")

    return op.answer.validate_python(binding.once(key, op, op.plain(given), act))


def _act(op: Operation, service: Any, binding: Binding | None, given: dict[str, Any]) -> Any:
    if _CALL.get() is not None and op.takes is None:
        return op.body(service, **given)
    arguments = op.plain(given)
    token = _CALL.set(Call(op.full_name, arguments))
    try:
        if op.takes is None:
            return op.body(service, **given)
        if binding is None:
            raise RuntimeError(f"{op.full_name} is long: the service must be bound to a platform")
        if op.preflight is not None:
            op.preflight(service, **given)
        return binding.submit(op, arguments)
    finally:
        _CALL.reset(token)


def _read(
    method: Callable[..., Any], verb: Verb, path: str, needs: Role, takes: Resources | None
) -> Operation:
    hints = get_type_hints(method, include_extras=True)
    bare = inspect.signature(method)
    parameters = [
        p.replace(annotation=hints[n])
        for n, p in bare.parameters.items()
        if n not in ("self", "report")
    ]
    answer = Job if takes is not None else hints["return"]
    return Operation(
        noun=path.split("/")[1],
        name=method.__name__,
        verb=verb,
        path=path,
        needs=needs,
        takes=takes,
        secret=False,
        preflight=None,
        signature=bare.replace(parameters=parameters, return_annotation=answer),
        help=inspect.getdoc(method) or "",
        body=method,
    )
