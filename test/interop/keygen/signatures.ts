/** Signatures over messages against `ssh-keygen -Y`: both sign, both check, the words and exit codes are compared. */

import { readFileSync } from 'node:fs'
import {
  certificateSigner,
  describeKey,
  fingerprint,
  formatMessageSignature,
  formatPublicKey,
  issueCertificate,
  type MessageSignature,
  type PublicKey,
  parseAllowedSigners,
  parseMessageSignature,
  parseRevocationList,
  type Signer,
  signMessage,
  verifyMessage,
  verifyMessageBy,
} from '@hawser/keys'
import type { Context, KeyPair, Section } from './context.ts'

const namespaces = ['file', 'git', 'mail@example.com', 'a b']
const identities = ['alice@example.com', 'bob@example.com', 'carol', 'dave@other.example']

/** What is printed, and whether the program ends well. */
interface Answer {
  readonly stdout: string
  readonly ok: boolean
}

export const messages: Section = {
  name: 'signatures (-Y sign, check-novalidate, verify, find-principals, match-principals)',
  kinds: ['fits', 'fits not', 'allowed', 'not allowed', 'found', 'not found', 'matched', 'not matched'],
  async run(context, count, tally) {
    for (let round = 0; round < count; round++) {
      const { rng } = context
      const pair = context.pair()
      const message = rng.bytes(rng.below(3000))
      const namespace = context.pick(namespaces)
      const signer = rng.chance(0.3) ? await certified(context, pair) : pair.key
      const hash = context.pick(['sha256', 'sha512'] as const)
      const theirSignature = signer === pair.key ? theirs(context, pair, message, namespace, hash) : undefined
      const ourSignature = await signMessage(pieces(context, message), signer, { namespace, hash })
      const signature = theirSignature !== undefined && rng.chance(0.5) ? theirSignature : ourSignature
      const asked = {
        message: rng.chance(0.1) ? rng.bytes(7) : message,
        namespace: rng.chance(0.1) ? context.pick(namespaces) : namespace,
        identity: context.pick(identities),
        now: new Date(Date.UTC(2021 + rng.below(6), rng.below(12), 1 + rng.below(28), rng.below(24))),
      }
      const signers = allowedSigners(context, pair)
      const files = {
        signature: context.file(formatMessageSignature(signature), 'sig'),
        signers: context.file(signers, 'allowed'),
        ...(rng.chance(0.2)
          ? { revoked: context.file(`${formatPublicKey(context.pair().key.publicKey)}\n`, 'revoked') }
          : {}),
      }
      const same = theirSignature === undefined || pair.name.startsWith('ecdsa')
      const answers = await ourAnswers(signature, signers, asked, files.revoked)
      for (const [at, name] of ['fits', 'allowed', 'found', 'matched'].entries())
        tally.note(answers[at]?.ok === true ? name : name === 'fits' ? 'fits not' : `not ${name}`)
      tally.compare(
        `${pair.name} ${JSON.stringify({ ...asked, message: '' })}\n${signers}`,
        [
          // Ed25519 and RSA sign the same message by the same bytes.
          same ? '' : formatMessageSignature(ourSignature),
          ...answers,
        ],
        [same ? '' : formatMessageSignature(theirSignature), ...theirAnswers(context, files, asked)],
      )
    }
  },
}

interface Asked {
  readonly message: Uint8Array
  readonly namespace: string
  readonly identity: string
  readonly now: Date
}

async function ourAnswers(
  signature: MessageSignature,
  text: string,
  { message, namespace, identity, now }: Asked,
  revokedPath: string | undefined,
): Promise<Answer[]> {
  const { publicKey } = signature
  const revoked = revokedPath === undefined ? undefined : parseRevocationList(readFileSync(revokedPath))
  const signers = parseAllowedSigners(text)
  const good = (who: string): string => `Good "${namespace}" signature${who} with ${shortName(publicKey)}\n`
  const bad = 'Could not verify signature.\n'
  const isGood = await verifyMessage(message, signature, { namespace })
  const verdict = await verifyMessageBy(message, signature, {
    namespace,
    signers,
    identity,
    now,
    ...(revoked === undefined ? {} : { revoked }),
  })
  const found = signers.findPrincipals(publicKey, { now })
  const matched = signers.matchPrincipals(identity)
  return [
    { stdout: isGood ? good('') : bad, ok: isGood },
    { stdout: verdict.valid ? good(` for ${identity}`) : bad, ok: verdict.valid },
    { stdout: found.map((name) => `${name}\n`).join(''), ok: found.length > 0 },
    { stdout: matched.map((name) => `${name}\n`).join(''), ok: matched.length > 0 },
  ]
}

function theirAnswers(
  context: Context,
  files: { readonly signature: string; readonly signers: string; readonly revoked?: string },
  { message, namespace, identity, now }: Asked,
): Answer[] {
  const time = `-Overify-time=${now.toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`
  const ask = (args: readonly string[], input?: Uint8Array): Answer => {
    const { stdout, code } = context.keygen(args, input)
    return { stdout, ok: code === 0 }
  }
  const { signature, signers, revoked } = files
  return [
    ask(['-Y', 'check-novalidate', '-n', namespace, '-s', signature], message),
    ask(
      [
        ...['-Y', 'verify', time, '-n', namespace, '-f', signers, '-I', identity, '-s', signature],
        ...(revoked === undefined ? [] : ['-r', revoked]),
      ],
      message,
    ),
    ask(['-Y', 'find-principals', time, '-f', signers, '-s', signature]),
    ask(['-Y', 'match-principals', '-f', signers, '-I', identity]),
  ]
}

function theirs(
  context: Context,
  pair: KeyPair,
  message: Uint8Array,
  namespace: string,
  hash: string,
): MessageSignature {
  const { stdout, stderr, code } = context.keygen(
    ['-q', '-Y', 'sign', `-Ohashalg=${hash}`, '-f', pair.path, '-n', namespace],
    message,
  )
  if (code !== 0) throw new Error(`ssh-keygen -Y sign: ${stderr}`)
  return parseMessageSignature(stdout)
}

/** The key with a certificate by one of the others. */
async function certified(context: Context, pair: KeyPair): Promise<Signer> {
  const certificate = await issueCertificate(
    {
      kind: context.rng.chance(0.9) ? 'user' : 'host',
      key: pair.key.publicKey,
      keyId: 'signs',
      principals: context.some(identities, 0.6),
      ...(context.rng.chance(0.4) ? { validAfter: new Date(Date.UTC(2023, 0, 1)) } : {}),
      ...(context.rng.chance(0.4) ? { validBefore: new Date(Date.UTC(2025, 0, 1)) } : {}),
      ...(context.rng.chance(0.2) ? { criticalOptions: [{ name: 'x@example.com' }] } : {}),
    },
    context.pair().key,
  )
  return certificateSigner(pair.key, certificate)
}

const patterns = [
  'alice@example.com',
  'bob@example.com',
  '*@example.com',
  '!bob@example.com',
  'carol',
  '*',
  'd?ve@*',
  'Alice@example.com',
]

/** Lines of which some are about the key, as key or as authority. */
function allowedSigners(context: Context, pair: KeyPair): string {
  const { rng } = context
  const lines: string[] = ['# who may sign', '']
  for (let line = 0; line < rng.between(1, 6); line++) {
    const isAuthority = rng.chance(0.4)
    // find-principals of ssh-keygen names people of a certificate whom the line excludes, whom verify then refuses; ours does not.
    const usable = patterns.filter((pattern) => !isAuthority || !pattern.startsWith('!'))
    const principals = Array.from({ length: rng.between(1, 3) }, () => context.pick(usable)).join(',')
    const options = [
      ...(isAuthority ? [context.pick(['cert-authority', 'Cert-Authority'])] : []),
      ...(rng.chance(0.3)
        ? [`namespaces="${context.pick(['file', 'git,file', 'mail@*', '!git,*', 'a b'])}"`]
        : []),
      ...(rng.chance(0.2)
        ? [`valid-after="${context.pick(['20220101', '20240615120000Z', '202301011200'])}"`]
        : []),
      ...(rng.chance(0.2) ? [`valid-before="${context.pick(['20250101', '20260101000000Z'])}"`] : []),
    ]
    const { publicKey } = rng.chance(0.5) ? pair.key : context.pair().key
    const quoted = rng.chance(0.1) ? `"${principals}"` : principals
    lines.push(
      `${[quoted, ...(options.length === 0 ? [] : [options.join(',')]), formatPublicKey(publicKey)].join(' ')}`,
    )
  }
  return lines.map((line) => `${line}\n`).join('')
}

function shortName(key: PublicKey): string {
  return `${describeKey(key).label} key ${fingerprint(key)}`
}

/** The message as it might come: whole, in pieces, or by and by. */
function pieces(context: Context, message: Uint8Array): Uint8Array | AsyncIterable<Uint8Array> {
  if (context.rng.chance(0.5)) return message
  const at = context.rng.below(message.length + 1)
  return (async function* () {
    yield message.subarray(0, at)
    yield await Promise.resolve(message.subarray(at))
  })()
}
