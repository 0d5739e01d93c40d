/** How requests to one address wait for each other. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { NoAnswer, NotAsked, RequestQueue } from '../../src/revocation/request-queue.ts'

const ADDRESS = 'http://ocsp.example'

/** Requests that wait until the test ends them, in the order in which they were sent. */
class Requests {
  readonly sent: string[] = []
  readonly outcomes: Record<string, unknown> = {}
  readonly #queue: RequestQueue
  readonly #ends = new Map<string, (error?: Error) => void>()

  constructor(most: number) {
    this.#queue = new RequestQueue(most)
  }

  add(...names: string[]): void {
    for (const name of names) {
      this.#queue
        .inTurn(ADDRESS, () => this.#send(name))
        .then(
          (answer) => {
            this.outcomes[name] = answer
          },
          (error) => {
            this.outcomes[name] = error
          },
        )
    }
  }

  async end(name: string, error?: Error): Promise<void> {
    this.#ends.get(name)?.(error)
    await turn()
  }

  #send(name: string): Promise<string> {
    this.sent.push(name)
    return new Promise((resolve, reject) => {
      this.#ends.set(name, (error) => (error === undefined ? resolve(`answer to ${name}`) : reject(error)))
    })
  }
}

t.test('some requests at a time go to an address, in the order in which they came', async (t) => {
  const requests = new Requests(2)
  requests.add('a', 'b', 'c', 'd')
  t.strictSame(requests.sent, ['a', 'b'])
  await requests.end('b')
  t.strictSame(requests.sent, ['a', 'b', 'c'])
  await requests.end('c', new Error('refused'))
  t.strictSame(requests.sent, ['a', 'b', 'c', 'd'])
  await requests.end('a')
  requests.add('e')
  t.equal(requests.sent.length, 5, 'there is room again')
  await requests.end('d')
  await requests.end('e')
  requests.add('f', 'g', 'h')
  t.strictSame(requests.sent.slice(5), ['f', 'g'], 'the next ones wait as well')
  t.match(requests.outcomes, { a: 'answer to a', c: new Error('refused'), e: 'answer to e' })
})

t.test('where one gets no answer, the next one goes on', async (t) => {
  const requests = new Requests(2)
  requests.add('lost', 'b', 'c', 'd')
  await requests.end('lost', new NoAnswer('it did not answer'))
  for (const name of ['b', 'c', 'd']) {
    await requests.end(name)
  }
  t.strictSame(Object.values(requests.outcomes).slice(1), ['answer to b', 'answer to c', 'answer to d'])
})

t.test('where as many in a row get none, those that wait are over', async (t) => {
  const requests = new Requests(2)
  requests.add('a', 'b', 'c', 'd', 'e', 'f', 'g')
  const lost = new NoAnswer('it did not answer')
  for (const between of [undefined, new Error('refused')]) {
    await requests.end(requests.sent.at(-2) as string, lost)
    await requests.end(requests.sent.at(-2) as string, between)
  }
  t.strictSame(requests.sent, ['a', 'b', 'c', 'd', 'e', 'f'], 'an answer between them ends the row')
  await requests.end('e', lost)
  t.equal(requests.sent.at(-1), 'g')
  requests.add('h', 'i')
  await requests.end('f', lost)
  for (const outcome of [requests.outcomes.h, requests.outcomes.i]) {
    t.ok(outcome instanceof NotAsked)
    t.match(outcome, { message: 'it did not answer' })
  }
  t.equal(requests.outcomes.f, lost)
  requests.add('j', 'k')
  t.equal(requests.sent.at(-1), 'j', 'who comes later tries anew')
  await requests.end('g')
  t.equal(requests.sent.at(-1), 'k')
})
