"""Services of a load balancer. Rules: public documentation, "Load Balancers", Services and Health Checks."""

from typing import Any

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, wanted_choice, wanted_number, wanted_switch
from kvx_rehearsal.refusals import Refusal, invalid, not_found, over_limit
from kvx_rehearsal.store import Document

PROTOCOLS = ("tcp", "http", "https")
USUAL_PORT = {"http": 80, "https": 443}
# Public documentation, "Add Service", defaults; timeout_idle: changelog and provider 1.64.
HTTP = {
    "cookie_name": "HCLBSTICKY",
    "cookie_lifetime": 300,
    "certificates": [],
    "redirect_http": False,
    "sticky_sessions": False,
    "timeout_idle": 60,
}
HEALTH_CHECK_HTTP = {"domain": "", "path": "/", "response": "", "status_codes": ["2??", "3??"], "tls": False}
IDLE_SECONDS = (30, 300)


def add(call: Call) -> Answer:
    balancer = call.find("load_balancer")
    added(call, balancer, call.body)
    return _changed(call, balancer, "add_service")


def added(call: Call, balancer: Document, body: Document) -> None:
    most = call.catalogue.load_balancer_type(balancer["type"])["max_services"]
    if len(balancer["services"]) >= most:
        raise over_limit("load balancer services", "load_balancer_services")
    service = _service(body, {})
    if any(each["listen_port"] == service["listen_port"] for each in balancer["services"]):
        raise Refusal("source_port_already_used", f"source port {service['listen_port']} is already in use")
    balancer["services"].append(service)


def update(call: Call) -> Answer:
    """What the request leaves out stays as it is."""
    balancer = call.find("load_balancer")
    place = _place(balancer, call.body)
    balancer["services"][place] = _service(call.body, balancer["services"][place])
    return _changed(call, balancer, "update_service")


def delete(call: Call) -> Answer:
    balancer = call.find("load_balancer")
    del balancer["services"][_place(balancer, call.body)]
    return _changed(call, balancer, "delete_service")


def _place(balancer: Document, body: Document) -> int:
    for place, service in enumerate(balancer["services"]):
        if service["listen_port"] == body.get("listen_port"):
            return place
    raise not_found("service", body.get("listen_port"))


def _changed(call: Call, balancer: Document, command: str) -> Answer:
    call.store.put("load_balancer", balancer)
    return Answer({"action": actions.start(call, command, [("load_balancer", balancer["id"])])}, 201)


def _service(body: Document, old: Document) -> Document:
    """A whole service, from a request and what there was before."""
    given = {**old, **{field: value for field, value in body.items() if value is not None}}
    protocol = wanted_choice(given, "protocol", PROTOCOLS)
    given.setdefault("listen_port", USUAL_PORT.get(protocol))
    given.setdefault("destination_port", USUAL_PORT["http"] if protocol != "tcp" else None)
    port = wanted_number(given, "destination_port", 1, 65_535)
    return {
        "protocol": protocol,
        "listen_port": wanted_number(given, "listen_port", 1, 65_535),
        "destination_port": port,
        "proxyprotocol": wanted_switch(given, "proxyprotocol", default=False),
        "http": None if protocol == "tcp" else _http(protocol, body.get("http"), old.get("http")),
        "health_check": _health_check(protocol, port, body.get("health_check"), old.get("health_check")),
    }


def _http(protocol: str, body: Any, old: Any) -> Document:
    given = _over(HTTP, old, body)
    wanted_number(given, "timeout_idle", *IDLE_SECONDS)
    if protocol == "https" and not given["certificates"]:
        raise invalid("certificates", "https needs a certificate")
    return given


def _health_check(protocol: str, port: int, body: Any, old: Any) -> Document:
    kind = "tcp" if protocol == "tcp" else "http"
    usual = {"protocol": kind, "port": port, "interval": 15, "timeout": 10, "retries": 3, "http": None}
    given = _over(usual, old, body)
    wanted_choice(given, "protocol", ("tcp", "http", "https"))
    wanted_number(given, "port", 1, 65_535)
    wanted_number(given, "interval", 3, 60)
    wanted_number(given, "timeout", 1, given["interval"])
    wanted_number(given, "retries", 1, 5)
    asked = [part["http"] for part in (old, body) if part and part.get("http")]
    given["http"] = None if given["protocol"] == "tcp" else _over(HEALTH_CHECK_HTTP, *asked)
    return given


def _over(usual: Document, *parts: Any) -> Document:
    """The usual values, then what each part says; a field nobody knows is dropped."""
    given = dict(usual)
    for part in parts:
        given |= {
            field: value for field, value in (part or {}).items() if value is not None and field in usual
        }
    return given
