// An MCP server with two tools, by the official SDK, on 127.0.0.1. It knows nothing of tokens.
//
//     node tests/providers/mcp/server.mjs PORT

import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

/** A server for one request; it adds the names of tools that are called. */
function tools(called) {
  const server = new McpServer({ name: 'users', version: '1.0.0' });
  for (const name of ['list_users', 'delete_user']) {
    server.registerTool(name, { description: name }, async () => {
      called.push(name);
      return { content: [{ type: 'text', text: `${name}: done` }] };
    });
  }
  return server;
}

/** Listens on this port; `called` gets the names of the tools that are called, in their order. */
export async function serve(port, called = []) {
  const service = createServer(async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await tools(called).connect(transport);
    await transport.handleRequest(request, response);
  });
  await new Promise((resolve) => service.listen(port, '127.0.0.1', resolve));
  return service;
}

if (process.argv[1] === import.meta.filename) await serve(Number(process.argv[2]));
