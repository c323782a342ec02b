import Link from 'next/link'

export default function NotFound() {
  return (
    <main className="welcome">
      <h1>This page could not be found.</h1>
      <p>
        <Link href="/">To the tasks</Link>
      </p>
    </main>
  )
}
