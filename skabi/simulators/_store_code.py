"""What code uses and what it changes, as far as its instructions tell."""

import dis
from types import CodeType, FunctionType

# Methods by which lists, dicts and sets change.
_CHANGING = {
    "add",
    "append",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "setdefault",
    "update",
}
# How far below the top of the stack there is what an item is set in.
_CONTAINER = {"STORE_SUBSCR": 2, "STORE_SLICE": 3, "DELETE_SUBSCR": 2}
# Where a value is from: a variable of the module, one of a function around it, an attribute of the first argument.
GLOBAL, DEREF, ATTRIBUTE = "global", "deref", "attribute"
_FIRST = ("first", "")


def names(code):
    """Return the names of globals and attributes that code uses, also inside its own functions."""
    inner = (names(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def changed(code, *kinds):
    """Return the names of outer variables, or of attributes of the first argument, that code changes.

    It assigns to them, or sets, adds or removes items; an attribute that it only assigns to is none.
    """
    found = {name for kind, name in _changes(code) if kind in kinds}
    inner = (
        changed(each, *{GLOBAL, DEREF}.intersection(kinds)) for each in code.co_consts if isinstance(each, CodeType)
    )
    return found.union(*inner)


def changed_attributes(cls, start):
    """Return the names of attributes that a method of a class changes, or methods of its own that this calls."""
    found: set[str] = set()
    seen: set[str] = set()
    left = {start}
    while left:
        name = left.pop()
        seen.add(name)
        method = getattr(cls, name, None)
        if isinstance(method, FunctionType) and name != "__init__":
            found |= changed(method.__code__, ATTRIBUTE)
            left |= names(method.__code__) - seen
    return found


def _changes(code):
    """Yield `(kind, name)` of what code changes, following what is on the stack in the order of instructions."""
    stack: list[tuple[str, str] | None] = []
    variables: dict[str, tuple[str, str] | None] = {}
    read: set[str] = set()
    first = code.co_varnames[0] if code.co_argcount else None
    for instruction in dis.get_instructions(code):
        operation, name, place = instruction.opname, instruction.argval, instruction.arg or 0
        origin = stack[-1] if stack else None
        made = None
        if operation in ("STORE_GLOBAL", "STORE_DEREF"):
            yield (GLOBAL if operation == "STORE_GLOBAL" else DEREF), name
        elif operation in ("LOAD_GLOBAL", "LOAD_DEREF"):
            made = (GLOBAL if operation == "LOAD_GLOBAL" else DEREF), name
        elif operation in ("LOAD_ATTR", "LOAD_METHOD"):
            if name in _CHANGING and origin not in (None, _FIRST):
                yield origin
            if origin == _FIRST:
                made = ATTRIBUTE, name
                read.add(name)
        elif operation == "STORE_ATTR" and name in read and origin == _FIRST:
            yield ATTRIBUTE, name
        elif operation in _CONTAINER:
            container = stack[-_CONTAINER[operation]] if len(stack) >= _CONTAINER[operation] else None
            if container not in (None, _FIRST):
                yield container
        elif operation in ("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"):
            made = _FIRST if name == first else variables.get(name)
        elif operation == "STORE_FAST":
            variables[name] = origin
        elif operation == "COPY" and len(stack) >= place:
            made = stack[-place]
        elif operation == "SWAP" and len(stack) >= place:
            stack[-place], stack[-1] = stack[-1], stack[-place]
            continue
        _step(stack, instruction, made)


def _step(stack, instruction, made):
    """Give a stack the height that it has after an instruction, and its top the origin of what was made."""
    argument = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
    effect = dis.stack_effect(instruction.opcode, argument, jump=False)
    if effect > 0:
        stack.extend([made] * effect)
        return
    del stack[max(len(stack) + effect, 0) :]
    if stack and not instruction.opname.startswith(("STORE", "POP", "DELETE", "NOP", "RESUME", "CACHE", "PRECALL")):
        stack[-1] = made
