'use client'

import { useRouter } from 'next/navigation'
import { type FormEvent, useState, useTransition } from 'react'
import { authClient } from '@/lib/auth-client'
import { Mark } from './mark'

/** Signs in, or makes an account and signs in with that. */
export function SignIn() {
  const router = useRouter()
  const [isNew, setIsNew] = useState(false)
  const [error, setError] = useState('')
  const [isBusy, startTransition] = useTransition()

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [email, password] = [String(form.get('email')), String(form.get('password'))]
    startTransition(async () => {
      setError('')
      const answer = await (isNew
        ? authClient.signUp.email({ email, password, name: email })
        : authClient.signIn.email({ email, password })
      ).catch(() => ({ error: { message: 'This app cannot be reached. Try again in a moment.' } }))
      if (answer.error) setError(answer.error.message ?? 'That did not work. Try again in a moment.')
      else router.refresh()
    })
  }

  return (
    <main className="welcome">
      <h1>
        <Mark /> Tasks
      </h1>
      <form className="card" onSubmit={submit}>
        <h2>{isNew ? 'Create an account' : 'Welcome back'}</h2>
        <label>
          Email
          <input name="email" type="email" autoComplete="username" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            aria-describedby={isNew ? 'password-hint' : undefined}
            minLength={8}
            required
          />
        </label>
        {isNew && (
          <p id="password-hint" className="soft">
            At least 8 characters.
          </p>
        )}
        {error && <p role="alert">{error}</p>}
        <button type="submit" className="primary" disabled={isBusy}>
          {isNew ? 'Create account' : 'Sign in'}
        </button>
        <p className="soft">
          {isNew ? 'Have an account already?' : 'New here?'}{' '}
          <button type="button" className="link" onClick={() => setIsNew(!isNew)}>
            {isNew ? 'Sign in' : 'Create an account'}
          </button>
        </p>
      </form>
    </main>
  )
}
