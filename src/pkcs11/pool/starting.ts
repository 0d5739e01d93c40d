/** Starts signer processes: by itself, or by the parent, which alone can have another user run them. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { channelsOf, describeEnd, startSignerProcess } from '../child-process.ts'
import type { FromParent, ToParent } from '../messages.ts'

/** A signer process, whoever has started it. */
export interface StartedProcess {
  /** The main thread's, then those of the sessions in their order; none where it could not be started. */
  readonly channels: Promise<readonly Duplex[]>
  /** Settles with how it ended, for example `signal SIGSEGV`, or why it could not be started. */
  readonly ended: Promise<string>
  /** Ends the process at once. */
  kill(): void
}

/**
 * Starts a signer process as this process's user.
 *
 * @throws Error where the system refuses at once
 */
export function startHere(sessions: number): StartedProcess {
  const child = startSignerProcess(sessions)
  // `ended` tells what ended it; a signal that could not be sent must not end this process
  child.on('error', () => {})
  const ended = once(child, 'exit').then(
    ([code, signal]) => describeEnd(code, signal),
    // The error's message names the path of the program
    (error: NodeJS.ErrnoException) => `${error.code}`,
  )
  return {
    channels: Promise.resolve(channelsOf(child)),
    ended,
    kill: () => void child.kill('SIGKILL'),
  }
}

/** Takes what the parent says of one process. */
type Listener = (message: FromParent, channel: Socket | undefined) => void

/** Keyed by number. */
const listeners = new Map<number, Listener>()
let count = 0

/** Has the parent start a signer process as the user of HSM_USER. */
export function startByParent(sessions: number): StartedProcess {
  if (count === 0) {
    process.on('message', (message: FromParent, channel) =>
      listeners.get(message.id)?.(message, channel as Socket | undefined),
    )
  }
  count += 1
  const id = count
  const kill = () => tell({ type: 'kill', id })
  const arrived: Duplex[] = []
  let started!: (channels: readonly Duplex[]) => void
  const channels = new Promise<readonly Duplex[]>((resolve) => {
    started = resolve
  })
  const ended = new Promise<string>((resolve) => {
    listeners.set(id, (message, channel) => {
      if (message.type === 'ended') {
        listeners.delete(id)
        resolve(message.how)
      } else if (message.type === 'started') {
        // Some are missing where this process had no file descriptors left
        const act = arrived.length === 1 + sessions ? started : kill
        act(arrived)
      } else if (channel !== undefined) {
        arrived.push(channel)
      }
    })
  })
  tell({ type: 'start', id, sessions })
  return { channels, ended, kill }
}

/** Sends an order. If the parent has gone, this process ends, and so do signer processes. */
function tell(order: ToParent): void {
  const { id } = order
  process.send?.(order, undefined, undefined, (error: NodeJS.ErrnoException | null) => {
    if (error !== null) {
      listeners.get(id)?.({ type: 'ended', id, how: `${error.code}` }, undefined)
    }
  })
}
