/** Target: a client and a server of the authentication protocol, with whatever may happen to the messages between them. */

import { Rng } from '@hawser/test-kit'
import { UserauthClient, UserauthServer } from '@hawser/userauth'
import { equal, utf8Encode, Writer } from '@hawser/wire'
import { keyBlob, userauthGrammar } from './grammar.ts'
import { MessageMutator } from './mutate.ts'
import { bounded, demand, outOfTurn, protocolErrorOf, type Target } from './target.ts'

const sessionId = utf8Encode('session')
const signature = (algorithm: string, data: Uint8Array): Uint8Array =>
  new Writer().string(algorithm).string(data).finish()
const signer = {
  publicKey: { type: 'ssh-ed25519', blob: keyBlob },
  algorithms: ['ssh-ed25519'],
  sign: signature,
} as const
const host = utf8Encode('the host key')
const rounds = 400

export const userauthTarget: Target = { name: 'userauth', packages: ['userauth', 'wire'], run }

function run(seed: number): void {
  const rng = new Rng(seed)
  const boundTo = rng.chance(0.3) ? { boundTo: host } : {}
  const client = new UserauthClient({ user: 'alice', sessionId, ...boundTo })
  const server = new UserauthServer({
    sessionId,
    hostKey: host,
    methods: ['publickey', 'password'],
    verify: (_key, algorithm, data, given) => equal(given, signature(algorithm, data)),
  })
  const mutator = new MessageMutator(rng, userauthGrammar, rng.pick([0, 0.05, 0.2, 0.6]))
  const a = new ClientEnd(client, rng)
  const b = new ServerEnd(server, rng)
  for (let round = 0; round < rounds; round++) {
    a.settle()
    b.settle()
    let moved = 0
    for (const payload of bounded(() => client.takeOutput(), 300, 'output of the client')) {
      moved++
      for (const message of mutator.next(payload)) server.receive(message)
    }
    b.settle()
    for (const payload of bounded(() => server.takeOutput(), 600, 'output of the server'))
      for (const message of mutator.next(payload)) {
        moved++
        if (message[0] === 52) a.successes++
        client.receive(message)
      }
    if (moved > 0) continue
    if (a.over && b.over) return
    // Nobody has anything to say: something that nobody asked for comes.
    if (rng.chance(0.1)) return
    const sudden = userauthGrammar(rng)
    if (sudden[0] === 52) a.successes++
    if (rng.chance(0.5)) server.receive(sudden)
    else client.receive(sudden)
  }
}

type Asked = 'next' | 'signature' | 'responses' | 'password'

class ClientEnd {
  readonly #machine: UserauthClient
  readonly #rng: Rng
  #dead: unknown
  #asked: Asked | undefined
  #tries = 0
  #done = false
  /** SUCCESS messages that were delivered. */
  successes = 0

  constructor(machine: UserauthClient, rng: Rng) {
    this.#machine = machine
    this.#rng = rng
  }

  get over(): boolean {
    return this.#done || this.#dead !== undefined || this.#tries > 40
  }

  settle(): void {
    const error = protocolErrorOf(() => {
      for (const event of bounded(() => this.#machine.poll(), 500, 'events of the client')) {
        demand(!this.#done, `client: ${event.type} after success`)
        if (event.type === 'next') {
          demand(this.#asked === undefined, `client: next while ${this.#asked} is asked`)
          this.#asked = 'next'
        } else if (event.type === 'ask-signature') this.#asks('signature')
        else if (event.type === 'ask-responses') this.#asks('responses')
        else if (event.type === 'ask-new-password') this.#asks('password')
        else if (event.type === 'success') {
          demand(this.successes > 0, 'client: success that no message brought')
          demand(this.#asked === undefined, 'client: success while the application is asked')
          this.#done = true
        }
        this.#answer(event)
      }
    })
    if (error === undefined) return
    if (this.#dead !== undefined) demand(this.#dead === error, 'client: another error than the first')
    this.#dead = error
    demand(this.#machine.takeOutput() === undefined, 'client: output after its end')
  }

  #asks(what: Asked): void {
    demand(this.#asked === undefined, `client: ${what} is asked while ${this.#asked} is`)
    this.#asked = what
  }

  #answer(
    event: { readonly type: string } & Partial<{
      prompts: readonly unknown[]
      algorithm: string
      data: Uint8Array
    }>,
  ): void {
    const rng = this.#rng
    const machine = this.#machine
    const asked = this.#asked
    if (asked === undefined) return
    if (asked !== 'password' && rng.chance(0.03)) outOfTurn(() => machine.provideNewPassword('x'))
    this.#asked = undefined
    switch (asked) {
      case 'next':
        if (this.#tries++ > 40) return
        return machine.attempt(
          rng.pick([
            { method: 'none' },
            { method: 'password', password: 'secret' },
            { method: 'publickey', signer, probe: rng.chance(0.7) },
            { method: 'keyboard-interactive' },
            { method: 'hostbased', signer, host: 'here', user: 'alice' },
          ] as never[]),
        )
      case 'signature':
        return machine.provideSignature(
          rng.chance(0.1) ? undefined : signature(event.algorithm as string, event.data as Uint8Array),
        )
      case 'responses':
        return machine.provideResponses(rng.chance(0.1) ? undefined : (event.prompts ?? []).map(() => 'yes'))
      case 'password':
        return machine.provideNewPassword(rng.chance(0.3) ? undefined : 'newer')
    }
  }
}

class ServerEnd {
  readonly #machine: UserauthServer
  readonly #rng: Rng
  #dead: unknown
  #accepted = false
  #done = false

  constructor(machine: UserauthServer, rng: Rng) {
    this.#machine = machine
    this.#rng = rng
  }

  get over(): boolean {
    return this.#done || this.#dead !== undefined
  }

  settle(): void {
    const error = protocolErrorOf(() => {
      for (const event of bounded(() => this.#machine.poll(), 500, 'events of the server')) {
        demand(!this.#done, `server: ${event.type} after success`)
        demand(!this.#accepted || event.type === 'success', `server: ${event.type} after accept`)
        if (event.type === 'success') {
          demand(this.#accepted, 'server: success that nobody accepted')
          this.#done = true
        } else if (event.type === 'request') {
          const { request } = event
          if ('signed' in request && request.signed)
            demand(
              request.verified &&
                equal(
                  request.signature as Uint8Array,
                  signature(request.algorithm, request.signedData as Uint8Array),
                ),
              'server: a signature that is not right was called verified',
            )
          this.#decide(request.method, request.method === 'publickey' && !request.signed)
        } else if (event.type === 'responses') this.#decide('keyboard-interactive', false)
        else if (event.type === 'new-password') this.#decide('password', false)
      }
    })
    if (error === undefined) return
    if (this.#dead !== undefined) demand(this.#dead === error, 'server: another error than the first')
    this.#dead = error
    demand(this.#machine.takeOutput() === undefined, 'server: output after its end')
  }

  #decide(method: string, query: boolean): void {
    const rng = this.#rng
    const machine = this.#machine
    if (rng.chance(0.1)) machine.banner('hello')
    if (query && rng.chance(0.8)) return machine.pkOk()
    if (rng.chance(0.03)) {
      machine.accept()
      this.#accepted = !query
      return
    }
    if (method === 'keyboard-interactive' && rng.chance(0.6))
      return machine.prompt(Array.from({ length: rng.below(3) }, () => ({ prompt: 'what?', echo: false })))
    if (method === 'password' && rng.chance(0.4)) return machine.changePassword('another, please')
    machine.reject(rng.chance(0.2) ? { partial: true, methods: ['password'] } : {})
  }
}
