"""TrustService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import trust_pb2, trust_service_pb2

from modicum_server.codec.access import role_value
from modicum_server.codec.trust import claims_value, trust_rule_message
from modicum_server.domain.projects import Principal
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.token_exchange import TokenExchange
from modicum_server.usecases.trust_rules import AskedRule, TrustRules

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind


class TrustMethods:
    """The methods of TrustService."""

    def __init__(self, rules: TrustRules, exchange: TokenExchange) -> None:
        self._rules = rules
        self._exchange = exchange

    async def list_trust_rules(
        self, principal: Principal, request: trust_service_pb2.ListTrustRulesRequest
    ) -> trust_service_pb2.ListTrustRulesResponse:
        """ListTrustRules."""
        page = await self._rules.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        rules = [trust_rule_message(rule) for rule in page.rows]
        return trust_service_pb2.ListTrustRulesResponse(trust_rules=rules, next_page_token=page.next_token)

    async def create_trust_rule(
        self, principal: Principal, request: trust_service_pb2.CreateTrustRuleRequest
    ) -> trust_pb2.TrustRule:
        """CreateTrustRule."""
        asked = request.trust_rule
        rule = AskedRule(
            request.trust_rule_id,
            issuer=asked.issuer,
            audience=asked.audience,
            claims=claims_value(asked),
            role=role_value(asked.role),
            lifetime_seconds=asked.lifetime_seconds,
        )
        return trust_rule_message(await self._rules.create(principal, request.parent, rule))

    async def delete_trust_rule(self, principal: Principal, request: trust_service_pb2.DeleteTrustRuleRequest) -> Empty:
        """DeleteTrustRule."""
        await self._rules.delete(principal, request.name)
        return Empty()

    async def exchange_token(
        self, nobody: Principal, request: trust_service_pb2.ExchangeTokenRequest
    ) -> trust_service_pb2.ExchangeTokenResponse:
        """ExchangeToken. It needs no token."""
        exchanged = await self._exchange.exchange(
            request.parent,
            grant_type=request.grant_type,
            token=request.subject_token,
            token_type=request.subject_token_type,
            origin=nobody.origin,
        )
        return trust_service_pb2.ExchangeTokenResponse(
            access_token=exchanged.made.secret,
            issued_token_type=ACCESS_TOKEN,
            token_type="Bearer",  # noqa: S106 - the kind, not a token
            expires_in=exchanged.rule.lifetime_seconds,
            scope=exchanged.rule.role,
            trust_rule=exchanged.rule.name,
        )
