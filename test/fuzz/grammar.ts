/** Whole messages of each layer with fields at their edges: what a mutator injects, and what the wire target encodes. */

import { channelRequests, messages as connection } from '@hawser/connection'
import type { Rng } from '@hawser/test-kit'
import * as transport from '@hawser/transport'
import { messages as userauth } from '@hawser/userauth'
import { utf8Encode } from '@hawser/wire'
import { edge, type Grammar } from './mutate.ts'

const names = [
  '',
  'session',
  'exec',
  'none',
  'password',
  'publickey',
  'keyboard-interactive',
  'ssh-connection',
] as const
const others = [
  'ssh-userauth',
  'tcpip-forward',
  'direct-tcpip',
  'exit-status',
  'ssh-ed25519',
  'a,b',
  'alice',
] as const

export function text(rng: Rng): string {
  return rng.chance(0.9) ? rng.pick([...names, ...others]) : 'x'.repeat(rng.below(400))
}

export function blob(rng: Rng, most = 64): Uint8Array {
  return rng.chance(0.2) ? new Uint8Array(0) : rng.bytes(rng.below(most))
}

function list(rng: Rng): string[] {
  return Array.from({ length: rng.below(4) }, () => rng.pick(others.filter((name) => !name.includes(','))))
}

const flag = (rng: Rng): boolean => rng.chance(0.5)

const kexInit: Grammar = (rng) =>
  transport.kexInit.encode({
    cookie: rng.bytes(16),
    kexAlgorithms: [...list(rng), ...(flag(rng) ? ['curve25519-sha256'] : [])],
    serverHostKeyAlgorithms: flag(rng) ? ['ssh-ed25519'] : list(rng),
    encryptionAlgorithmsClientToServer: flag(rng) ? ['aes128-ctr'] : list(rng),
    encryptionAlgorithmsServerToClient: flag(rng) ? ['aes128-ctr'] : list(rng),
    macAlgorithmsClientToServer: flag(rng) ? ['hmac-sha2-256'] : list(rng),
    macAlgorithmsServerToClient: flag(rng) ? ['hmac-sha2-256'] : list(rng),
    compressionAlgorithmsClientToServer: ['none'],
    compressionAlgorithmsServerToClient: flag(rng) ? ['none'] : list(rng),
    languagesClientToServer: list(rng),
    languagesServerToClient: [],
    firstKexPacketFollows: flag(rng),
    reserved: edge(rng),
  })

export const transportGrammar: Grammar = (rng) =>
  rng.pick<Grammar>([
    kexInit,
    () => transport.disconnect.encode({ reasonCode: edge(rng), description: text(rng), languageTag: '' }),
    () => transport.ignore.encode({ data: blob(rng) }),
    () => transport.unimplemented.encode({ packetSequenceNumber: edge(rng) }),
    () => transport.debug.encode({ alwaysDisplay: flag(rng), message: text(rng), languageTag: '' }),
    () => transport.serviceRequest.encode({ serviceName: text(rng) }),
    () => transport.serviceAccept.encode({ serviceName: text(rng) }),
    () =>
      transport.extInfo.encode({
        extensions: list(rng).map((name) => ({
          name: flag(rng)
            ? rng.pick(['server-sig-algs', 'ping@openssh.com', 'ext-info-in-auth@openssh.com'])
            : name,
          value: blob(rng),
        })),
      }),
    () => transport.newKeys.encode({}),
    () => transport.ping.encode({ data: blob(rng) }),
    () => transport.pong.encode({ data: blob(rng) }),
    () => Uint8Array.of(rng.between(30, 34), ...rng.bytes(rng.below(80))),
    () => Uint8Array.of(rng.below(256), ...rng.bytes(rng.below(40))),
    () => new Uint8Array(0),
  ])(rng)

export const userauthGrammar: Grammar = (rng) =>
  rng.pick<Grammar>([
    () =>
      userauth.userauthRequest.encode({
        userName: rng.pick(['alice', 'bob', '']),
        serviceName: rng.chance(0.9) ? 'ssh-connection' : text(rng),
        methodName: rng.pick([...names, 'hostbased', userauth.hostboundMethod]),
        data: rng.pick<Grammar>([
          () => userauth.passwordData.encode({ change: flag(rng), password: blob(rng) }),
          () =>
            userauth.passwordChangeData.encode({ change: true, password: blob(rng), newPassword: blob(rng) }),
          () => userauth.publickeyData.encode({ signed: flag(rng), algorithm: 'ssh-ed25519', key: keyBlob }),
          () =>
            userauth.publickeySignedData.encode({
              signed: true,
              algorithm: 'ssh-ed25519',
              key: keyBlob,
              signature: blob(rng),
            }),
          () => userauth.keyboardInteractiveData.encode({ languageTag: '', submethods: text(rng) }),
          () => blob(rng),
        ])(rng),
      }),
    () => userauth.userauthFailure.encode({ methods: list(rng), partialSuccess: flag(rng) }),
    () => userauth.userauthSuccess.encode({}),
    () => userauth.userauthBanner.encode({ message: text(rng), languageTag: '' }),
    () => userauth.userauthPkOk.encode({ algorithm: text(rng), key: flag(rng) ? keyBlob : blob(rng) }),
    () => userauth.userauthPasswdChangereq.encode({ prompt: text(rng), languageTag: '' }),
    () =>
      userauth.userauthInfoRequest.encode({
        name: text(rng),
        instruction: text(rng),
        languageTag: '',
        prompts: list(rng).map((prompt) => ({ prompt, echo: flag(rng) })),
      }),
    () => userauth.userauthInfoResponse.encode({ responses: list(rng) }),
    () => Uint8Array.of(rng.between(50, 79), ...rng.bytes(rng.below(40))),
  ])(rng)

/** A blob with the type of an Ed25519 key; what follows is no point. */
export const keyBlob = Uint8Array.of(0, 0, 0, 11, ...utf8Encode('ssh-ed25519'), 0, 0, 0, 1, 7)

export const connectionGrammar: Grammar = (rng) => {
  const recipientChannel = edge(rng)
  return rng.pick<Grammar>([
    () => connection.globalRequest.encode({ requestName: text(rng), wantReply: flag(rng), data: blob(rng) }),
    () => connection.requestSuccess.encode({ data: blob(rng) }),
    () => connection.requestFailure.encode({}),
    () =>
      connection.channelOpen.encode({
        channelType: text(rng),
        senderChannel: edge(rng),
        initialWindowSize: edge(rng),
        maximumPacketSize: flag(rng) ? 32_768 : edge(rng),
        data: blob(rng),
      }),
    () =>
      connection.channelOpenConfirmation.encode({
        recipientChannel,
        senderChannel: edge(rng),
        initialWindowSize: flag(rng) ? 100_000 : edge(rng),
        maximumPacketSize: flag(rng) ? 32_768 : edge(rng),
        data: blob(rng),
      }),
    () =>
      connection.channelOpenFailure.encode({
        recipientChannel,
        reasonCode: edge(rng),
        description: text(rng),
        languageTag: '',
      }),
    () => connection.channelWindowAdjust.encode({ recipientChannel, bytesToAdd: edge(rng) }),
    () => connection.channelData.encode({ recipientChannel, data: blob(rng, 3000) }),
    () =>
      connection.channelExtendedData.encode({ recipientChannel, dataTypeCode: edge(rng), data: blob(rng) }),
    () => connection.channelEof.encode({ recipientChannel }),
    () => connection.channelClose.encode({ recipientChannel }),
    () =>
      connection.channelRequest.encode({
        recipientChannel,
        requestType: text(rng),
        wantReply: flag(rng),
        data: blob(rng),
      }),
    () =>
      connection.channelRequest.encode({
        recipientChannel,
        requestType: 'exit-status',
        wantReply: false,
        data: channelRequests.exitStatus.encode({ exitStatus: edge(rng) }),
      }),
    () => connection.channelSuccess.encode({ recipientChannel }),
    () => connection.channelFailure.encode({ recipientChannel }),
    () => Uint8Array.of(rng.between(80, 127), ...rng.bytes(rng.below(40))),
  ])(rng)
}
