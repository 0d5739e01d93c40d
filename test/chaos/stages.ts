import { COLLECTS_GARBAGE } from './garbage.ts'
import type { Material } from './material.ts'
import type { ServerKind } from './scenario.ts'
import { createStage, type Stage } from './stage.ts'

/** One server at a time: scenarios that can share it get the same one, as long as it lives. */
export class Stages {
  readonly #material: Material
  #stage: Stage | undefined

  constructor(material: Material) {
    this.#material = material
  }

  /** The one of the last scenario, where it is of that kind. */
  async get(kind: ServerKind): Promise<Stage> {
    const shared = kind === 'shared' || kind === 'p11-kit'
    if (!(shared && this.#stage?.kind === kind && this.#stage.isAlive())) {
      await this.end()
      this.#stage = await createStage(this.#material, kind, { NODE_OPTIONS: COLLECTS_GARBAGE })
    }
    return this.#stage as Stage
  }

  async end(): Promise<void> {
    await this.#stage?.end()
    this.#stage = undefined
  }
}
