/** Signed commits and tags: git checks ours, we check git's. */

import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  formatPublicKey,
  parseAllowedSigners,
  parseGitObject,
  signGitObject,
  verifyMessageBy,
} from '@hawser/keys'
import { findProgram } from '@hawser/test-kit'
import type { Context, KeyPair, Section } from './context.ts'

const identity = 'me@example.com'
/** git runs several programs per commit: a tenth of the inputs will do. */
const share = 10

export const gitObjects: Section = {
  name: 'git commits and tags (verify-commit, verify-tag; a tenth of the inputs)',
  async run(context, count, tally) {
    const program = findProgram('git')
    if (program === undefined) throw new Error('git is not installed')
    for (let round = 0; round < Math.ceil(count / share); round++) {
      const pair = context.pair()
      const repository = new Repository(context, program, pair)
      const message = context.pick([
        'one line',
        'two\n\nparagraphs',
        'ünï çødé',
        'gpgsig is not a header here',
      ])
      const tampers = context.rng.chance(0.3)
      tally.note(tampers ? 'spoiled' : 'whole')
      // git signs, we check
      repository.git(['commit', '-q', '--allow-empty', '-S', '-m', message])
      repository.git(['tag', '-s', '-m', message, 'theirs'])
      const commit = repository.git(['cat-file', 'commit', 'HEAD'])
      const tag = repository.git(['cat-file', 'tag', 'theirs'])
      const ours = [await repository.check(commit, tampers), await repository.check(tag, tampers)]
      // we sign, git checks
      const plainCommit = repository.git([
        'cat-file',
        'commit',
        repository.git(['commit-tree', '-m', message, 'HEAD^{tree}']).toString().trim(),
      ])
      const plainTag = Buffer.from(
        `object ${repository.git(['rev-parse', 'HEAD']).toString()}type commit\ntag ours\ntagger me <${identity}> 1700000000 +0100\n\n${message}\n`,
      )
      const theirs = [
        repository.verify(
          'commit',
          tampered(Buffer.from(await signGitObject(plainCommit, pair.key)), tampers),
        ),
        repository.verify('tag', tampered(Buffer.from(await signGitObject(plainTag, pair.key)), tampers)),
      ]
      tally.compare(
        `${pair.name}, ${JSON.stringify(message)}, tampered: ${tampers}`,
        [...ours, !tampers, !tampers],
        [!tampers, !tampers, ...theirs],
      )
    }
  },
}

class Repository {
  readonly #program: string
  readonly #folder: string
  readonly #signers: string

  constructor(context: Context, program: string, pair: KeyPair) {
    this.#program = program
    this.#signers = `${identity} namespaces="git" ${formatPublicKey(pair.key.publicKey)}\n`
    this.#folder = join(context.folder, `repository-${context.rng.uint32()}`)
    mkdirSync(this.#folder)
    this.git(['init', '-q'])
    const settings = {
      'user.name': 'me',
      'user.email': identity,
      'gpg.format': 'ssh',
      'user.signingkey': pair.path,
      'gpg.ssh.allowedSignersFile': context.file(this.#signers, 'allowed'),
    }
    for (const [name, value] of Object.entries(settings)) this.git(['config', name, value])
    this.git(['commit', '-q', '--allow-empty', '-m', 'first'])
  }

  git(args: readonly string[], input: Uint8Array | string = ''): Buffer {
    const result = this.#run(args, input)
    if (result.status !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr.toString()}`)
    return result.stdout
  }

  /** Stores an object and has git check its signature. */
  verify(kind: 'commit' | 'tag', object: Uint8Array): boolean {
    const id = this.git(['hash-object', '-t', kind, '-w', '--stdin'], object).toString().trim()
    const result = this.#run([`verify-${kind}`, id], '')
    return result.status === 0 && result.stderr.includes(`Good "git" signature for ${identity}`)
  }

  async check(object: Buffer, tampers: boolean): Promise<boolean> {
    const signed = parseGitObject(tampered(object, tampers))
    if (signed === undefined) return false
    const verdict = await verifyMessageBy(signed.payload, signed.signature, {
      namespace: 'git',
      identity,
      signers: parseAllowedSigners(this.#signers),
      now: new Date(),
    })
    return verdict.valid
  }

  #run(
    args: readonly string[],
    input: Uint8Array | string,
  ): ReturnType<typeof spawnSync> & { stdout: Buffer; stderr: Buffer } {
    return spawnSync(this.#program, args, {
      cwd: this.#folder,
      input,
      timeout: 60_000,
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    })
  }
}

/** Another author. */
function tampered(object: Buffer, tampers: boolean): Buffer {
  return tampers ? Buffer.from(object.toString('utf8').replace('me <', 'ne <')) : object
}
