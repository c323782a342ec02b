import { type AnyElysia, Elysia, NotFoundError } from 'elysia'
import { Memoirist } from 'memoirist'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
type Method = (typeof METHODS)[number]

const notFound = () => {
  throw new NotFoundError()
}

/**
 * Answers 404 or 405 for paths below `prefix` without a route, after the guard.
 *
 * There is one route for each method, because the router prefers `/api/tasks/*` over `/api/:user_id/tasks` only within the
 * same method. Otherwise `POST /api/tasks/tasks` would match the second form.
 *
 * @param guard requires a valid token
 * @param taken the methods that the prefix itself has routes for
 */
export const unmatched = (prefix: string, guard: AnyElysia, taken: Method[] = []): Elysia => {
  const app = new Elysia({ prefix }).use(guard) as unknown as Elysia
  const hidden = { detail: { hide: true } }
  for (const method of [...METHODS, 'ALL'] as const) {
    if (method === 'ALL' || !taken.includes(method)) app.route(method, '', notFound, hidden)
    app.route(method, '/*', notFound, hidden)
  }
  return app
}

/**
 * Finds the methods of a path, for `Allow`. None for an unknown path.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.2.1
 */
export const allowedMethodsOf = (app: AnyElysia): ((path: string) => string[]) => {
  const router = new Memoirist<unknown>()
  for (const { method, path, handler } of app.routes) router.add(method, path, handler)

  return (path) => {
    const strictPath = path.length > 1 ? path.replace(/\/$/, '') : path
    return METHODS.filter((method) => {
      const found = router.find(method, strictPath)
      return found !== null && found.store !== notFound
    }).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method))
  }
}
