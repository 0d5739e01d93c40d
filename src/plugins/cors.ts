import fastifyCors from '@fastify/cors'
import fp from 'fastify-plugin'

export interface CorsOptions {
  readonly origins: readonly string[]
}

/** Lets pages of the configured origins call from a browser; without any, browsers keep to the same origin. */
export const cors = fp<CorsOptions>(
  async (app, { origins }) => {
    if (origins.length > 0) {
      await app.register(fastifyCors, {
        // False rather than a list: a preflight request from elsewhere is then an OPTIONS request like any other
        origin: async (origin: string | undefined) => origin !== undefined && origins.includes(origin),
        methods: ['GET', 'HEAD', 'POST'],
        maxAge: 600,
        strictPreflight: false,
      })
    }
  },
  { name: 'cors' },
)
