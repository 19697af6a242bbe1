// An agent that calls a tool of MCP with a person's token, and the person who approves the call.

import { approve, challengeOf, passkey } from '/page/client.js';
import { call } from '/page/gate.js';

/** Where the tools are. */
export const MCP = '/mcp';

const JSON_TYPE = 'application/json';
/** What the agent sends, each time the same: an approval is for these bytes. */
const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'delete_user', arguments: { user: 'bob' } },
});

/**
 * The agent calls the tool, with an approval where it has one. Returns the outcome (`null`: nothing
 * answers) with that `approval` and `asked`, the challenge for `approveCall`; each may be null.
 */
export async function callTool({ agentToken }, approval = null) {
  let asked = null;
  const send = async (path, init) => {
    const answer = await fetch(path, { ...init, body: CALL });
    asked = challengeOf(answer);
    return answer;
  };
  const headers = {
    authorization: `Bearer ${agentToken}`,
    'content-type': JSON_TYPE,
    accept: `${JSON_TYPE}, text/event-stream`,
    ...(approval && { 'webauthn-proof': approval }),
  };
  const outcome = await call(MCP, { method: 'POST', credentials: 'omit', headers, send });
  return outcome && { ...outcome, approval, asked };
}

/** The person approves that call. Returns the header that the agent sends. */
export function approveCall({ agentToken, id }, challenge, signal) {
  const allowCredentials = [{ type: 'public-key', id }];
  const request = {
    method: 'POST',
    url: `${location.origin}${MCP}`,
    token: agentToken,
    body: new TextEncoder().encode(CALL),
    contentType: JSON_TYPE,
    challenge,
  };
  return approve(request, passkey({ signal, publicKey: { allowCredentials } }));
}
