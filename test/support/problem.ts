import { expect } from 'bun:test'
import type { Answer } from './api.ts'

interface ExpectedProblem {
  status: number
  code: string
  detail: string
  instance: string
  errors?: { field: string; message: string }[]
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** Asserts a whole problem: each member that must be there, and no other. */
export const expectProblem = (
  answer: Answer,
  { status, code, detail, instance, errors }: ExpectedProblem,
) => {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.json).toEqual({
    type: 'about:blank',
    title: TITLES[status],
    status,
    code,
    detail,
    message: detail,
    instance,
    request_id: answer.headers.get('x-request-id'),
    ...(errors && { errors }),
  })
  expect(answer.status).toBe(status)
}

/** Asserts a validation error about one field. */
export const expectInvalid = (answer: Answer, instance: string, field: string, message: string) =>
  expectProblem(answer, {
    status: 400,
    code: 'invalid_request',
    detail: `${field} ${message}`,
    instance,
    errors: [{ field, message }],
  })

export const notFound = (instance: string): ExpectedProblem => ({
  status: 404,
  code: 'not_found',
  detail: 'Not found',
  instance,
})

export const forbidden = (instance: string): ExpectedProblem => ({
  status: 403,
  code: 'forbidden',
  detail: 'These tasks belong to another user',
  instance,
})
