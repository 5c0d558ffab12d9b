"""Every request but watches: from an understood request to a status and a document. No sockets here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from vaultbind.sandbox.account_tokens import TokenIssuer
from vaultbind.sandbox.builtin_kinds import REVIEWS_GROUP
from vaultbind.sandbox.cluster import Cluster, Written
from vaultbind.sandbox.deletion import parse_delete_options
from vaultbind.sandbox.documents import JsonObject, metadata
from vaultbind.sandbox.drafting import FieldValidation, WriteOptions
from vaultbind.sandbox.errors import (
    Cause,
    bad_request,
    expired,
    invalid,
    too_large_revision,
    unsupported_media_type,
)
from vaultbind.sandbox.kinds import ResourceKind
from vaultbind.sandbox.negotiation import Representation
from vaultbind.sandbox.paging import Page, Pager
from vaultbind.sandbox.patches import PatchType
from vaultbind.sandbox.representations import partial_metadata, render_list, render_metadata_list
from vaultbind.sandbox.requests import ApiRequest
from vaultbind.sandbox.selectors import build_matcher
from vaultbind.sandbox.tables import render_table
from vaultbind.sandbox.watches import parse_revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, body and warnings of an answer."""

    status: int
    document: JsonObject
    warnings: tuple[str, ...] = ()


class Answerer:
    """Carries out requests on a cluster; every method may raise StatusError."""

    def __init__(self, cluster: Cluster, clock: Callable[[], datetime]) -> None:
        """`clock` is what ages in tables are told by."""
        self.pager = Pager()
        self.tokens = TokenIssuer()
        self._cluster = cluster
        self._clock = clock
        self._verbs: Mapping[str, Callable[[ApiRequest], Answer]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def answer(self, request: ApiRequest) -> Answer:
        """Carry out one request."""
        return self._verbs[request.verb](request)

    # ------------------------------------------------------------------------------------------- reads
    def _get(self, request: ApiRequest) -> Answer:
        target = request.target
        found = self._cluster.get(target.kind, target.namespace, target.name)
        return Answer(status=HTTPStatus.OK, document=self._represent(request, found))

    def _list(self, request: ApiRequest) -> Answer:
        page = self._page(request)
        listing: JsonObject = {
            "resourceVersion": str(page.revision),
            "continue": page.continue_token,
            "remainingItemCount": None if _is_selective(request) else page.remaining,
        }
        return Answer(status=HTTPStatus.OK, document=self._represent_list(request, page.items, listing))

    def _page(self, request: ApiRequest) -> Page:
        target, query = request.target, request.query
        limit = parse_revision(query.get("limit", ""))
        selectors = query.get("labelSelector", ""), query.get("fieldSelector", "")
        scope = "|".join([*target.kind.stored_as, target.namespace, *selectors])
        if token := query.get("continue"):
            return self.pager.following(scope, token, limit)
        self._check_revision(query)
        matches = build_matcher(*selectors, target.kind)
        items = [found for found in self._cluster.objects(target.kind, target.namespace) if matches(found)]
        limit = 0 if query.get("resourceVersion") == "0" else limit
        return self.pager.first(scope, items, self._cluster.store.revision, limit)

    def _check_revision(self, query: Mapping[str, str]) -> None:
        """Only the present state can be listed; anything newer or exactly older is refused."""
        asked, store = parse_revision(query.get("resourceVersion", "")), self._cluster.store
        if asked > store.revision:
            raise too_large_revision(asked, store.revision)
        if query.get("resourceVersionMatch") == "Exact" and asked != store.revision:
            raise expired(f"The resourceVersion for the provided list is too old: {asked}")

    # ------------------------------------------------------------------------------------------ writes
    def _create(self, request: ApiRequest) -> Answer:
        body, target = _object_of(request), request.target
        if target.subresource == "token":
            account = self._cluster.get(target.kind, target.namespace, target.name)
            return Answer(
                status=HTTPStatus.CREATED, document=self.tokens.answer(account, body, self._clock())
            )
        if target.kind.group == REVIEWS_GROUP:
            document = {**target.kind.type_meta, **body, "status": {"allowed": True}}
            return Answer(status=HTTPStatus.CREATED, document=document)
        return self._written(
            request, self._cluster.create(target.kind, target.namespace, body, _write_options(request))
        )

    def _update(self, request: ApiRequest) -> Answer:
        target, options = request.target, _write_options(request)
        written = self._cluster.update(
            target.kind, target.namespace, target.name, _object_of(request), options
        )
        return self._written(request, written)

    def _patch(self, request: ApiRequest) -> Answer:
        target, options = request.target, _write_options(request)
        patch_type = parse_patch_type(request.content_type, target.kind)
        if patch_type is PatchType.APPLY and not request.query.get("fieldManager"):
            problem = Cause(
                field="fieldManager",
                message="Required value: is required for apply patch",
                reason="FieldValueRequired",
            )
            raise invalid("meta.k8s.io", "PatchOptions", "", [problem])
        written = self._cluster.patch(
            target.kind, target.namespace, target.name, request.body, patch_type, options
        )
        return self._written(request, written)

    def _written(self, request: ApiRequest, written: Written) -> Answer:
        return Answer(
            status=HTTPStatus.CREATED if written.created else HTTPStatus.OK,
            document=self._represent(request, written.document),
            warnings=written.warnings,
        )

    def _delete(self, request: ApiRequest) -> Answer:
        target = request.target
        options = parse_delete_options(request.body, request.query)
        document, is_gone = self._cluster.delete(target.kind, target.namespace, target.name, options)
        shown = _success(target.kind, document) if is_gone else self._represent(request, document)
        return Answer(status=HTTPStatus.OK, document=shown)

    def _delete_collection(self, request: ApiRequest) -> Answer:
        options = parse_delete_options(request.body, request.query)
        page = self._page(request)
        kind = request.target.kind
        for found in page.items:
            meta = metadata(found)
            self._cluster.delete(kind, meta.get("namespace", ""), meta["name"], options)
        listing = {"resourceVersion": str(self._cluster.store.revision)}
        return Answer(status=HTTPStatus.OK, document=render_list(kind, page.items, listing))

    # ------------------------------------------------------------------------------------------- forms
    def _represent(self, request: ApiRequest, document: JsonObject) -> JsonObject:
        match request.representation:
            case Representation.METADATA:
                return partial_metadata(document)
            case Representation.TABLE:
                listing = {"resourceVersion": metadata(document).get("resourceVersion")}
                return self._table(request, [document], listing)
            case Representation.PLAIN:
                return document

    def _represent_list(
        self, request: ApiRequest, items: list[JsonObject], listing: JsonObject
    ) -> JsonObject:
        match request.representation:
            case Representation.METADATA:
                return render_metadata_list(items, listing)
            case Representation.TABLE:
                return self._table(request, items, listing)
            case Representation.PLAIN:
                return render_list(request.target.kind, items, listing)

    def _table(self, request: ApiRequest, items: list[JsonObject], listing: JsonObject) -> JsonObject:
        include = request.query.get("includeObject", "Metadata")
        return render_table(request.target.kind, items, self._clock(), include=include, listing=listing)


def parse_patch_type(content_type: str, kind: ResourceKind) -> PatchType:
    """The kind of a patch; raises StatusError 415, for strategic patches of custom kinds, too."""
    allowed = [found for found in PatchType if not (kind.is_custom and found is PatchType.STRATEGIC)]
    if content_type not in allowed:
        raise unsupported_media_type(", ".join(allowed))
    return PatchType(content_type)


def _object_of(request: ApiRequest) -> JsonObject:
    if not isinstance(request.body, dict):
        raise bad_request("the request body must be an object")
    return request.body


def _write_options(request: ApiRequest) -> WriteOptions:
    asked = request.query.get("fieldValidation") or FieldValidation.WARN
    if asked not in FieldValidation.__members__.values():
        raise bad_request(f"fieldValidation: Unsupported value: {asked!r}")
    if request.query.get("dryRun", "All") != "All":
        raise bad_request("dryRun: Unsupported value: only All is served")
    return WriteOptions(
        manager=request.manager,
        subresource=request.target.subresource,
        dry_run=request.query.get("dryRun") == "All",
        force=request.flag("force"),
        field_validation=FieldValidation(asked),
    )


def _is_selective(request: ApiRequest) -> bool:
    return bool(request.query.get("labelSelector") or request.query.get("fieldSelector"))


def _success(kind: ResourceKind, document: JsonObject) -> JsonObject:
    meta = metadata(document)
    details: dict[str, Any] = {
        "name": meta["name"],
        "group": kind.group,
        "kind": kind.plural,
        "uid": meta["uid"],
    }
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
