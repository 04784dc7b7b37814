/** The connection protocol (RFC 4254) as one machine: channels, their windows and requests, and global requests, for either role. */

import { ProtocolError, type Trace, UsageError } from '@hawser/wire'
import { type ChannelEntry, closeSent, receiveTable } from './channel-state.ts'
import { ChannelTable } from './channel-table.ts'
import { ChannelOpenReason } from './errors.ts'
import type {
  ChannelId,
  ChannelOptions,
  MuxEvent,
  MuxOptions,
  Payload,
  ReplyToken,
  RequestId,
  StreamNumber,
} from './events.ts'
import { Fifo } from './fifo.ts'
import type { Tag } from './lane.ts'
import {
  checkedLimits,
  checkedWindow,
  type Limits,
  mostPending,
  mostRefusals,
  receiveWindow,
  sendLimit,
} from './limits.ts'
import {
  channelClose,
  channelData,
  channelEof,
  channelExtendedData,
  channelFailure,
  channelOpen,
  channelOpenConfirmation,
  channelOpenFailure,
  channelRequest,
  channelSuccess,
  channelWindowAdjust,
  connectionMessages,
  globalRequest,
  readData,
  requestFailure,
  requestSuccess,
  stderrDataType,
  uint32At,
} from './messages.ts'
import { Output } from './output.ts'
import { PendingReply, ReplyLine } from './replies.ts'
import { SendWindow } from './window.ts'

const noData = new Uint8Array(0)
/**
 * `receive` payloads (numbers 80 to 127), `poll` until undefined, `takeOutput` until undefined.
 * Nothing is sent by itself; every verb only adds to the output, so take it afterwards.
 * Verbs throw UsageError when they are not possible. A channel that has closed stays silent to its verbs until `poll`
 * has handed out `closed`, so that nobody is punished for not knowing yet.
 */
export class Mux {
  readonly #limits: Limits
  readonly #trace: Trace | undefined
  readonly #inbox = new Fifo<Uint8Array>()
  readonly #events = new Fifo<MuxEvent>()
  /** Channels whose `writable` is to be handed out. */
  readonly #ready = new Fifo<ChannelEntry>()
  readonly #channels = new ChannelTable(this)
  readonly #output: Output
  /** Our global requests that want a reply, oldest first; and the peer's. */
  readonly #outstanding = new Fifo<RequestId>()
  readonly #line = new ReplyLine(this)
  #lastRequest = 0
  #pendingRequests = 0
  #refusals = 0
  #dead: Error | undefined

  constructor(options: MuxOptions = {}) {
    this.#limits = checkedLimits(options)
    this.#output = new Output({ taken: (tag, entry) => this.#taken(tag, entry) })
    this.#trace = options.trace
  }

  /** Channels that take a number: those being opened and closed too. */
  get channelCount(): number {
    return this.#channels.count
  }

  /** Bytes of data that were written and not taken yet. */
  get queued(): number {
    return this.#output.queued
  }

  /** Whether neither data nor a message waits to be taken; credit that could go back does not count. */
  get idle(): boolean {
    return this.#output.idle
  }

  /** Stores a payload, which the mux now owns. Never throws. */
  receive(payload: Uint8Array): void {
    this.#inbox.push(payload)
  }

  /** The next event. Throws ProtocolError when the peer broke the protocol, and the same again from then on. */
  poll(): MuxEvent | undefined {
    if (this.#dead !== undefined) throw this.#dead
    try {
      return this.#next()
    } catch (error) {
      this.#dead = error as Error
      throw error
    }
  }

  /**
   * The next payload for the transport. Call it only when the payload can leave: window adjusts and small messages go first,
   * then each channel in turn gets one data message, cut to what the peer takes.
   */
  takeOutput(): Payload | undefined {
    if (this.#dead !== undefined) return undefined
    const payload = this.#output.take()
    if (this.#trace !== undefined && payload !== undefined)
      this.#note('out', payload.head[0] as number, payload.head.length + (payload.body?.length ?? 0))
    return payload
  }

  /**
   * Asks the peer for a channel (RFC 4254 §5.1); `opened` or `open-failed` follows.
   * Throws UsageError (`SSH_LIMIT_CHANNELS`) when there are `maxChannels` already.
   */
  open(channelType: string, data: Uint8Array = noData, options: ChannelOptions = {}): ChannelId {
    if (this.#channels.count >= this.#limits.maxChannels)
      throw new UsageError(
        `a channel of type "${channelType}" would be one more than the ${this.#limits.maxChannels} that maxChannels allows`,
        { code: 'SSH_LIMIT_CHANNELS' },
      )
    const receive = receiveWindow(this.#limits, options)
    const payload = channelOpen.encode({
      channelType,
      senderChannel: this.#channels.nextId,
      initialWindowSize: receive.size,
      maximumPacketSize: receive.maxPacket,
      data,
    })
    const entry = this.#channels.add(channelType, 'opening', receive)
    this.#output.push(payload)
    return entry.id
  }

  /** Opens a channel that the peer asked for by `open-request`. */
  accept(channel: ChannelId, data: Uint8Array = noData, options: ChannelOptions = {}): void {
    const entry = this.#channels.asked(channel, 'accept')
    entry.receive = receiveWindow(this.#limits, options)
    entry.state = 'open'
    this.#output.push(
      channelOpenConfirmation.encode({
        recipientChannel: entry.remoteId,
        senderChannel: entry.id,
        initialWindowSize: entry.receive.size,
        maximumPacketSize: entry.receive.maxPacket,
        data,
      }),
    )
  }

  /** Refuses a channel that the peer asked for; `reason` as in {@link ChannelOpenReason}. Its number is free at once. */
  reject(channel: ChannelId, reason: number, description = ''): void {
    const entry = this.#channels.asked(channel, 'reject')
    this.#refuse(entry.remoteId, reason, description)
    this.#channels.free(entry)
  }

  /**
   * Sends data and gives how many bytes were taken; when fewer than given, `writable` follows as soon as more can be.
   * What was taken is not copied: `data` must stay unchanged until it has come out of `takeOutput`.
   */
  write(channel: ChannelId, data: Uint8Array, stream: StreamNumber = 0): number {
    const entry = this.#channels.established(channel, 'write')
    if (entry.state === 'closed') return 0
    if (closeSent(entry.state)) throw new UsageError(`write on channel ${channel} after its close`)
    if (entry.eofSent) throw new UsageError(`write on channel ${channel} after its eof`)
    const taken = Math.min(data.length, entry.send.available, this.#limits.maxQueued - entry.lane.bytes)
    if (taken < data.length) entry.blocked = true
    if (taken <= 0) return 0
    entry.send.spend(taken)
    this.#output.pushData(entry, taken === data.length ? data : data.subarray(0, taken), stream)
    return taken
  }

  /** Bytes that `write` would take now; 0 when the channel cannot be written to. */
  writable(channel: ChannelId): number {
    const entry = this.#channels.established(channel, 'writable')
    if (entry.eofSent || closeSent(entry.state)) return 0
    return Math.max(0, Math.min(entry.send.available, this.#limits.maxQueued - entry.lane.bytes))
  }

  /** The application has used up `bytes` of what `data` delivered; credit goes back to the peer in batches. */
  consumed(channel: ChannelId, bytes: number): void {
    const entry = this.#channels.established(channel, 'consumed')
    entry.receive.consume(bytes, channel)
    this.#creditBack(entry)
  }

  /** Makes the receive window larger, to `window` bytes; smaller is a UsageError. The peer learns of it at once. */
  growWindow(channel: ChannelId, window: number): void {
    const entry = this.#channels.established(channel, 'growWindow')
    if (checkedWindow(window) < entry.receive.size)
      throw new UsageError(`a window of ${entry.receive.size} bytes cannot shrink to ${window}`)
    if (window === entry.receive.size || entry.state !== 'open') return
    entry.receive.grow(window)
    this.#output.pushAdjust(entry)
  }

  /** Sends a channel request (RFC 4254 §5.4) behind the data written so far. A wanted reply comes as `reply`. */
  request(channel: ChannelId, name: string, data: Uint8Array, wantReply: boolean): RequestId | undefined {
    const entry = this.#channels.established(channel, 'request')
    const id = wantReply ? ++this.#lastRequest : undefined
    if (entry.state === 'closed') {
      if (id !== undefined) this.#events.push({ type: 'reply', channel, request: id, ok: false, lost: true })
      return id
    }
    if (closeSent(entry.state))
      throw new UsageError(`request "${name}" on channel ${channel} after its close`)
    const recipientChannel = entry.remoteId
    this.#output.pushOn(
      entry,
      channelRequest.encode({ recipientChannel, requestType: name, wantReply, data }),
      'none',
    )
    if (id !== undefined) entry.outstanding.push(id)
    return id
  }

  /** Sends a global request (RFC 4254 §4). A wanted reply comes as `global-reply`. */
  globalRequest(name: string, data: Uint8Array, wantReply: boolean): RequestId | undefined {
    this.#output.push(globalRequest.encode({ requestName: name, wantReply, data }))
    if (!wantReply) return undefined
    const id = ++this.#lastRequest
    this.#outstanding.push(id)
    return id
  }

  /**
   * Answers a request of the peer. Answers given out of order wait for the earlier ones; those to a channel that has closed
   * go nowhere. `data` only goes with a success to a global request. A second answer is a UsageError.
   */
  reply(token: ReplyToken, ok: boolean, data: Uint8Array = noData): void {
    if (!(token instanceof PendingReply) || token.line.owner !== this)
      throw new UsageError('this token is not one of this mux')
    const { line } = token
    if (data.length > 0 && (line.channel !== undefined || !ok))
      throw new UsageError(
        `the answer to "${token.name}" cannot carry data: only a success to a global request can`,
      )
    token.settle(ok, data)
    for (let answer = line.next(); answer !== undefined; answer = line.next()) {
      if (line.channel === undefined)
        this.#output.push(
          answer.ok ? requestSuccess.encode({ data: answer.data }) : requestFailure.encode({}),
          'answer',
        )
      else {
        const { remoteId } = line.channel
        const declared = answer.ok ? channelSuccess : channelFailure
        this.#output.pushOn(line.channel, declared.encode({ recipientChannel: remoteId }), 'answer')
      }
    }
  }

  /** Says that no more data will be written (RFC 4254 §5.3), behind what was. Again, or after a close: nothing. */
  eof(channel: ChannelId): void {
    const entry = this.#channels.established(channel, 'eof')
    if (entry.eofSent || closeSent(entry.state)) return
    entry.eofSent = true
    entry.blocked = false
    this.#output.pushOn(entry, channelEof.encode({ recipientChannel: entry.remoteId }), 'none')
  }

  /**
   * Closes the channel (RFC 4254 §5.3) behind the data written so far; `closed` follows when the peer has closed too.
   * Until then only requests without reply and replies are still delivered. Again: nothing.
   */
  close(channel: ChannelId): void {
    const entry = this.#channels.established(channel, 'close')
    if (closeSent(entry.state)) return
    this.#sendClose(entry)
    entry.state = entry.state === 'eof' ? 'closing-eof' : 'closing'
  }

  #next(): MuxEvent | undefined {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) {
        if (event.type === 'closed') this.#reported(event.channel)
        return event
      }
      const payload = this.#inbox.shift()
      if (payload === undefined) return this.#nextWritable()
      const result = this.#dispatch(payload)
      if (result !== undefined) return result
    }
  }

  #nextWritable(): MuxEvent | undefined {
    for (let entry = this.#ready.shift(); entry !== undefined; entry = this.#ready.shift()) {
      entry.ready = false
      if (!entry.blocked || closeSent(entry.state)) continue
      entry.blocked = false
      return { type: 'writable', channel: entry.id }
    }
    return undefined
  }

  #dispatch(payload: Uint8Array): MuxEvent | undefined {
    const number = payload[0] ?? -1
    if (this.#trace !== undefined) this.#note('in', number, payload.length)
    switch (number) {
      case channelData.number:
        return this.#data(payload, 0, 5)
      case channelExtendedData.number:
        return this.#data(payload, uint32At(payload, 5), 9)
      case channelWindowAdjust.number:
        return this.#windowAdjust(payload)
      case channelOpen.number:
        return this.#openRequest(payload)
      case channelOpenConfirmation.number:
        return this.#openConfirmation(payload)
      case channelOpenFailure.number:
        return this.#openFailure(payload)
      case channelEof.number:
        return this.#eof(payload)
      case channelClose.number:
        return this.#close(payload)
      case channelRequest.number:
        return this.#request(payload)
      case channelSuccess.number:
        return this.#replied(channelSuccess.decode(payload).recipientChannel, number, true)
      case channelFailure.number:
        return this.#replied(channelFailure.decode(payload).recipientChannel, number, false)
      case globalRequest.number: {
        const { requestName: name, wantReply, data } = globalRequest.decode(payload)
        if (!wantReply) return { type: 'global-request', name, data }
        return { type: 'global-request', name, data, reply: this.#owe(this.#line, name) }
      }
      case requestSuccess.number:
        return this.#globalReplied(true, requestSuccess.decode(payload).data)
      case requestFailure.number:
        requestFailure.decode(payload)
        return this.#globalReplied(false, noData)
      default:
        throw new ProtocolError(`message ${number} is none of the connection protocol`)
    }
  }

  #data(payload: Uint8Array, dataType: number, at: number): MuxEvent | undefined {
    const number = payload[0] as number
    const entry = this.#receiving(uint32At(payload, 1), number)
    if (entry === undefined) return undefined
    const data = readData(payload, at)
    const { id: channel, receive } = entry
    if (closeSent(entry.state)) {
      receive.waste(data.length, channel)
      return undefined
    }
    if (number === channelExtendedData.number && dataType !== stderrDataType) {
      receive.discard(data.length, channel)
      this.#creditBack(entry)
      this.#trace?.({
        layer: 'connection',
        type: 'note',
        detail: `${data.length} bytes of extended data of the unknown type ${dataType} dropped on channel ${channel}`,
      })
      return undefined
    }
    receive.receive(data.length, channel)
    if (data.length === 0) return undefined
    const stream = number === channelData.number ? 0 : 1
    return { type: 'data', channel, stream, data, ranDry: receive.ranDry }
  }

  #windowAdjust(payload: Uint8Array): undefined {
    const { recipientChannel, bytesToAdd } = channelWindowAdjust.decode(payload)
    const entry = this.#receiving(recipientChannel, channelWindowAdjust.number)
    if (entry === undefined) return
    entry.send.add(bytesToAdd, entry.id)
    this.#wake(entry)
  }

  #openRequest(payload: Uint8Array): MuxEvent | undefined {
    const opened = channelOpen.decode(payload)
    const maxSend = sendLimit(opened.maximumPacketSize, opened.channelType)
    if (this.#channels.count >= this.#limits.maxChannels) {
      this.#trace?.({
        layer: 'connection',
        type: 'limit',
        limit: 'maxChannels',
        detail: `a channel of type "${opened.channelType}" refused: ${this.#channels.count} are in use`,
      })
      this.#refuse(opened.senderChannel, ChannelOpenReason.resourceShortage, 'too many channels')
      return undefined
    }
    const entry = this.#channels.add(opened.channelType, 'asked', receiveWindow(this.#limits, {}))
    entry.remoteId = opened.senderChannel
    entry.send = new SendWindow(opened.initialWindowSize)
    entry.maxSend = maxSend
    return {
      type: 'open-request',
      channel: entry.id,
      channelType: opened.channelType,
      data: opened.data,
    }
  }

  #openConfirmation(payload: Uint8Array): MuxEvent | undefined {
    const confirmed = channelOpenConfirmation.decode(payload)
    const entry = this.#receiving(confirmed.recipientChannel, channelOpenConfirmation.number)
    if (entry === undefined) return undefined
    entry.maxSend = sendLimit(confirmed.maximumPacketSize, entry.type)
    entry.remoteId = confirmed.senderChannel
    entry.send = new SendWindow(confirmed.initialWindowSize)
    entry.state = 'open'
    return { type: 'opened', channel: entry.id, data: confirmed.data }
  }

  #openFailure(payload: Uint8Array): MuxEvent | undefined {
    const { recipientChannel, reasonCode: reason, description } = channelOpenFailure.decode(payload)
    const entry = this.#receiving(recipientChannel, channelOpenFailure.number)
    if (entry === undefined) return undefined
    this.#channels.free(entry)
    return { type: 'open-failed', channel: entry.id, reason, description }
  }

  #eof(payload: Uint8Array): MuxEvent | undefined {
    const { recipientChannel } = channelEof.decode(payload)
    const entry = this.#receiving(recipientChannel, channelEof.number)
    if (entry === undefined) return undefined
    if (entry.state === 'closing') {
      entry.state = 'closing-eof'
      return undefined
    }
    entry.state = 'eof'
    return { type: 'eof', channel: entry.id }
  }

  /** RFC 4254 §5.3: "Upon receiving this message, a party MUST send back an SSH_MSG_CHANNEL_CLOSE unless it has already sent this message". */
  #close(payload: Uint8Array): undefined {
    const { recipientChannel } = channelClose.decode(payload)
    const entry = this.#receiving(recipientChannel, channelClose.number)
    if (entry === undefined) return
    const channel = entry.id
    if (!closeSent(entry.state)) this.#sendClose(entry)
    entry.state = 'closed'
    for (let id = entry.outstanding.shift(); id !== undefined; id = entry.outstanding.shift())
      this.#events.push({ type: 'reply', channel, request: id, ok: false, lost: true })
    this.#events.push({ type: 'closed', channel })
  }

  #request(payload: Uint8Array): MuxEvent | undefined {
    const { recipientChannel, requestType: name, wantReply, data } = channelRequest.decode(payload)
    const entry = this.#receiving(recipientChannel, channelRequest.number)
    if (entry === undefined) return undefined
    const channel = entry.id
    // After our CLOSE nothing can be answered, but what is only told (an exit status that crossed it) still counts.
    if (!wantReply) return { type: 'request', channel, name, data }
    if (closeSent(entry.state)) return undefined
    return { type: 'request', channel, name, data, reply: this.#owe(entry.line, name) }
  }

  #replied(recipientChannel: number, number: number, ok: boolean): MuxEvent | undefined {
    const entry = this.#receiving(recipientChannel, number)
    if (entry === undefined) return undefined
    const request = entry.outstanding.shift()
    if (request === undefined)
      throw new ProtocolError(
        `${connectionMessages.get(number)} on channel ${entry.id}, where no request waits for a reply`,
      )
    return { type: 'reply', channel: entry.id, request, ok }
  }

  #globalReplied(ok: boolean, data: Uint8Array): MuxEvent {
    const request = this.#outstanding.shift()
    if (request === undefined)
      throw new ProtocolError(
        `${ok ? requestSuccess.name : requestFailure.name} where no global request waits for a reply`,
      )
    return { type: 'global-reply', request, ok, data }
  }

  /** The channel that a message is about, if it is to be acted on; throws ProtocolError when it must not come now. */
  #receiving(channel: number, number: number): ChannelEntry | undefined {
    const entry = this.#channels.get(channel)
    const verdict = entry === undefined ? 'refuse' : (receiveTable[entry.state][number] ?? 'refuse')
    if (verdict === 'take') return entry
    if (verdict === 'drop') return undefined
    throw new ProtocolError(
      entry === undefined
        ? `${connectionMessages.get(number)} for channel ${channel}, which does not exist`
        : `${connectionMessages.get(number)} for channel ${channel} in the state ${entry.state}`,
    )
  }

  /** A request of the peer wants a reply: counts it until the reply has left. */
  #owe(line: ReplyLine, name: string): PendingReply {
    if (this.#pendingRequests >= mostPending(this.#limits, this.#channels.count)) {
      const detail = `${this.#pendingRequests} requests of the peer wait for their answers`
      throw new ProtocolError(`maxPendingRequests exceeded: ${detail}, and another one came`, {
        code: 'SSH_LIMIT_PENDING_REQUESTS',
      })
    }
    this.#pendingRequests++
    return line.add(name)
  }

  #refuse(recipientChannel: number, reasonCode: number, description: string): void {
    if (this.#refusals >= mostRefusals)
      throw new ProtocolError(`the peer opens channels without reading the ${this.#refusals} refusals`, {
        code: 'SSH_LIMIT_REFUSALS',
      })
    this.#refusals++
    this.#output.push(
      channelOpenFailure.encode({ recipientChannel, reasonCode, description, languageTag: '' }),
      'refusal',
    )
  }

  /** CLOSE in line; from here on nothing of the peer's is answered. */
  #sendClose(entry: ChannelEntry): void {
    this.#pendingRequests -= entry.line.abandon()
    entry.blocked = false
    this.#output.pushOn(entry, channelClose.encode({ recipientChannel: entry.remoteId }), 'close')
  }

  #creditBack(entry: ChannelEntry): void {
    if (entry.receive.due) this.#output.pushAdjust(entry)
  }

  /** Owes `writable` if it can be written to again. */
  #wake(entry: ChannelEntry): void {
    if (!entry.blocked || entry.ready) return
    if (entry.send.available === 0 || entry.lane.bytes > this.#limits.maxQueued / 2) return
    entry.ready = true
    this.#ready.push(entry)
  }

  #taken(tag: Tag, entry: ChannelEntry | undefined): void {
    if (tag === 'answer') this.#pendingRequests--
    else if (tag === 'refusal') this.#refusals--
    if (entry === undefined) return
    if (tag !== 'close') return this.#wake(entry)
    entry.closeTaken = true
    if (entry.reported) this.#channels.free(entry)
  }

  #note(direction: 'in' | 'out', number: number, size: number): void {
    const name = connectionMessages.get(number) ?? String(number)
    this.#trace?.({ layer: 'connection', type: 'message', direction, name, number, size })
  }

  #reported(channel: ChannelId): void {
    const entry = this.#channels.get(channel) as ChannelEntry
    entry.reported = true
    if (entry.closeTaken) this.#channels.free(entry)
  }
}
