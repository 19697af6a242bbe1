/** A key of this client (P-256). Can be kept in IndexedDB. */
export interface Key {
  /** Signs. Its bytes cannot be read out: `extractable` is false. */
  readonly privateKey: CryptoKey;
  readonly jwk: { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };
  /** Of the public key, base64url of SHA-256 (RFC 7638): `jkt` of tokens, `dpop_jkt` of requests. */
  readonly thumbprint: string;
}

/** Makes a key that no script can read out. */
export function createKey(): Promise<Key>;

/** What a DPoP proof is made for. */
export interface Proved {
  /** As it is sent: `GET`, not `get`. */
  method: string;
  /** Absolute. Query and fragment are left out. */
  url: string;
  /** The access token. Without one the proof is for a token endpoint. */
  token?: string;
  /** The last `DPoP-Nonce` of this server. */
  nonce?: string;
}

/** A proof for one request (RFC 9449): the value of the header `DPoP`. */
export function dpopProof(key: Key, proved: Proved): Promise<string>;

/** What a gate says in place of passing a request that a passkey must approve. */
export interface Challenge {
  /** Whether this request is approved, or a key for this and more. */
  mode: 'transaction' | 'session';
  /** `WebAuthn-Nonce`. */
  nonce: string;
  rpId: string;
  userVerification: 'required' | 'preferred';
  /** How long the nonce is good, or a session may last, in seconds. */
  maxAge: number;
  /** Whether the approval must cover the body, also one of no bytes. */
  coversBody: boolean;
  /** The latest end of a session, in seconds since 1970 by the clock of the gate. */
  expires?: number;
}

/** The challenge of an answer, or null: this answer does not ask for a passkey's approval. */
export function challengeOf(response: Response): Challenge | null;

/** Who a token is about. */
export interface Claims {
  iss: string;
  sub: string;
}

/** The request that is approved. Its approval is for these bytes and no others. */
export interface Approved {
  /** As it is sent: `POST`, not `post`. */
  method: string;
  /** Absolute, as it is sent. A fragment is left out, the query is not. */
  url: string;
  /** The access token. Without one, for a token in a cookie, `claims` must be given. */
  token?: string;
  /** Those of the token unless they are given. */
  claims?: Claims;
  /**
   * The body as it is sent. Leave it out if there is none, unless the rule has `body: required`: no
   * bytes then.
   */
  body?: Uint8Array;
  /** `Content-Type` and `Content-Encoding` of the body, as they are sent. */
  contentType?: string;
  contentEncoding?: string;
  challenge: Challenge;
}

/** What an authenticator is asked for. */
export interface Asked {
  /** 32 bytes, to be signed as they are. */
  challenge: Uint8Array;
  rpId: string;
  userVerification: 'required' | 'preferred';
}

/** The part of `AuthenticationResponseJSON` (WebAuthn section 5.1) that a gate reads. */
export interface Assertion {
  id: string;
  rawId: string;
  type: string;
  response: { clientDataJSON: string; authenticatorData: string; signature: string };
}

/** Makes an assertion: `passkey()` in a browser. A program brings its own. */
export type Authenticator = (asked: Asked) => Promise<Assertion>;

/**
 * An approval of one request: the value of the header `WebAuthn-Proof`. Rejects with what the
 * authenticator rejects with. Nothing was approved then.
 */
export function approve(approved: Approved, authenticator: Authenticator): Promise<string>;

/** The session that is approved. */
export interface ApprovedSession {
  /** Of the URLs that the key is for, such as `https://api.example.com`. */
  origin: string;
  /** The access token. Without one, for a token in a cookie, `claims` must be given. */
  token?: string;
  /** Those of the token unless they are given. */
  claims?: Claims;
  /** The key that makes the DPoP proofs: the token's own, if it is bound to one. */
  key: Key;
  challenge: Challenge;
}

/**
 * An approval of a key: the value of the header `WebAuthn-Proof` of each request until the session
 * ends, beside a DPoP proof by the key. Rejects with what the authenticator rejects with.
 */
export function approveSession(
  approved: ApprovedSession,
  authenticator: Authenticator,
): Promise<string>;

/**
 * The person's passkey, by `navigator.credentials.get` with these options: `signal`, and in
 * `publicKey` for instance `allowCredentials`. What the gate asks for need not be in them.
 */
export function passkey(
  options?: Omit<CredentialRequestOptions, 'publicKey'> & {
    publicKey?: Omit<PublicKeyCredentialRequestOptions, 'challenge'>;
  },
): Authenticator;

export interface ClientOptions {
  /** The access token, or what gives the present one. Leave it out if a cookie carries it. */
  token?: string | (() => string | Promise<string>);
  /** The key that the token is bound to: each request gets a DPoP proof. Without it, `Bearer`. */
  key?: Key;
  /** Who the token is about, if a cookie carries it. */
  claims?: Claims;
  /** Approves requests, if the gate asks for it. Without it the answer that asks is returned. */
  authenticator?: Authenticator;
  /** Sends requests. The global one unless it is given. */
  fetch?: typeof fetch;
}

/**
 * A `fetch` that proves. A request is sent again once with the gate's nonce for DPoP, and once with
 * an approval, if the gate asks for these. A session that was approved is kept with its key, in
 * memory, for all requests to its origin. A second refusal is returned. The body is read to its end
 * before anything is sent. Rejects as `fetch` does, and as the authenticator does.
 */
export function createClient(
  options: ClientOptions,
): (url: string | URL, init?: RequestInit) => Promise<Response>;
