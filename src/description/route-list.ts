import fp from 'fastify-plugin'
import type { OPERATIONS } from './operations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The routes so far, in the order in which they were added. */
    readonly describedRoutes: readonly DescribedRoute[]
  }
  interface FastifyContextConfig {
    /** The name that the operation of the route is described by; absent for those that are not described. */
    operation?: keyof typeof OPERATIONS
  }
}

/** Schema of a body. */
export interface BodySchema {
  readonly title: string
}

export interface DescribedRoute {
  readonly method: string
  readonly url: string
  /** Undefined where there is none. */
  readonly body: BodySchema | undefined
  readonly operation: keyof typeof OPERATIONS
}

/** Keeps a list of the routes that are described. */
export const routeList = fp(
  async (app) => {
    const routes: DescribedRoute[] = []
    app.decorate('describedRoutes', routes)
    app.addHook('onRoute', ({ method, url, schema, config }) => {
      const operation = config?.operation
      // Fastify adds a HEAD to each GET
      if (operation !== undefined && method !== 'HEAD') {
        routes.push({ method: `${method}`, url, body: schema?.body as BodySchema | undefined, operation })
      }
    })
  },
  { name: 'route-list' },
)
