// The operator's page: is it safe, what does it think, what did it do, may it go live. It reads the HTTP API with the operator's
// token, which comes by form or in the address's fragment (never sent to the server) and is kept for this browser session only.
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Account } from './account.tsx';
import { ActionDialog, type Asked, Operator } from './action.tsx';
import { read } from './api.ts';
import { Header, Reasons, Summary } from './header.tsx';
import { Market } from './market.tsx';
import { LogView, ModelsView, RolloutView } from './models.tsx';
import { EmergencyStop } from './stop.tsx';
import { useEvents } from './use-events.ts';
import { usePolled } from './use-polled.ts';

const STORED = 'qt-token';
/** While nothing tells of what is new. */
const ASKING = { statusMs: 3_000, dataMs: 15_000 };
/** In case that something was not told. */
const LISTENING = { statusMs: 10_000, dataMs: 60_000 };
const ME_EVERY_MS = 60_000;
const TRADES = 200;
/** A page that has not been updated for so long says so. */
const BEHIND_MS = 15_000;

const TABS = ['Market', 'Account', 'Models', 'Go live', 'Log'] as const;
type Tab = (typeof TABS)[number];

function App() {
  const [token, setToken] = useState(takeToken);
  useEffect(() => {
    // A link with another token, opened where the page is open already.
    const follow = () => setToken(takeToken());
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return token === '' ? (
    <SignIn onToken={setToken} />
  ) : (
    <Dashboard key={token} token={token} onForget={() => setToken('')} />
  );
}

/** From the address, where it does not stay, or from earlier in this session. */
function takeToken(): string {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) {
    sessionStorage.setItem(STORED, token);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(STORED) ?? '';
}

function SignIn({ onToken }: { onToken: (token: string) => void }) {
  const [text, setText] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED, text.trim());
    onToken(text.trim());
  };
  return (
    <main class="sign-in">
      <h1>Quantum Trader</h1>
      <form onSubmit={submit}>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <button type="submit">Show</button>
        <p class="soft">
          On this machine the operator's is in <code>.qt/api-token</code>;{' '}
          <code>qtrader api-token create NAME --role ROLE</code> issues one to a person.
        </p>
      </form>
    </main>
  );
}

function Dashboard({ token, onForget }: { token: string; onForget: () => void }) {
  const [tab, setTab] = useState<Tab>('Market');
  const [stops, setStops] = useState(0);
  const news = useEvents(token);
  const pace = news.isLive ? LISTENING : ASKING;
  const status = usePolled('status', (cancelled) => read(token, '/api/status', {}, cancelled), {
    everyMs: pace.statusMs,
    trigger: stops + news.count,
  });
  const me = usePolled(token, (cancelled) => read(token, '/api/me', {}, cancelled), {
    everyMs: ME_EVERY_MS,
  }).data;
  const [asked, setAsked] = useState<Asked | undefined>();
  const operator = useMemo(() => ({ me, ask: setAsked }), [me]);
  const onActed = () => setStops((last) => last + 1);
  const known = status.data;
  const trigger = `${known?.lastBar?.barOpenTimeMs} ${known?.positions.length} ${stops + news.trades}`;
  const decided = usePolled(
    known === undefined ? undefined : 'signals',
    (cancelled) => read(token, '/api/signals', {}, cancelled),
    { everyMs: pace.dataMs, trigger },
  );
  const account = usePolled(
    known?.scope,
    async (cancelled) => {
      const scope = known!.scope;
      const [{ positions }, { trades }] = await Promise.all([
        read(token, '/api/positions', { scope }, cancelled),
        read(token, '/api/trades', { scope, count: TRADES }, cancelled),
      ]);
      return { positions, trades };
    },
    { everyMs: pace.dataMs, trigger },
  );
  const behindMs = useAge(status.readAtMs);
  useEffect(() => {
    document.title = known === undefined ? 'Quantum Trader' : `${known.mode} – Quantum Trader`;
  }, [known?.mode]);

  const positions = account.data?.positions ?? [];
  const trades = account.data?.trades ?? [];
  const isBehind = known !== undefined && status.problem !== undefined && behindMs > BEHIND_MS;
  const problems = [status.problem, decided.problem, account.problem].filter((line) => line !== undefined);
  return (
    <div class={isBehind ? 'page stale' : 'page'}>
      {/* One place whatever is known: a dialog that is open must not go away because an answer came. */}
      <div class="top">
        {known === undefined ? (
          <span class="bar soft">Quantum Trader</span>
        ) : (
          <Header status={known} behindMs={isBehind ? behindMs : undefined} />
        )}
        {me?.role !== 'reader' && <EmergencyStop token={token} onStopped={onActed} />}
      </div>
      <main>
        <h1 class="hidden">Quantum Trader</h1>
        <p role="status" class={known === undefined && status.problem === undefined ? '' : 'problem'}>
          {known === undefined && status.problem === undefined
            ? 'Connecting …'
            : problems.map((line) => `Not updated: ${line}`).join(' · ')}
        </p>
        {known !== undefined && (
          <>
            <Summary status={known} />
            <Reasons status={known} />
            <Tabs chosen={tab} onChoose={setTab} />
            <Operator.Provider value={operator}>
              <div role="tabpanel" id="panel" aria-labelledby={idOf(tab)}>
                {tab === 'Market' && (
                  <Market
                    token={token}
                    status={known}
                    signals={decided.data?.signals ?? []}
                    positions={positions}
                    trades={trades}
                    isLoaded={decided.data !== undefined && account.data !== undefined}
                  />
                )}
                {tab === 'Account' && (
                  <Account token={token} status={known} positions={positions} trades={trades} />
                )}
                {tab === 'Models' && <ModelsView token={token} />}
                {tab === 'Go live' && <RolloutView token={token} status={known} />}
                {tab === 'Log' && <LogView token={token} status={known} />}
              </div>
            </Operator.Provider>
          </>
        )}
      </main>
      <ActionDialog {...{ token, me, asked, onActed }} onClose={() => setAsked(undefined)} />
      <footer>
        <button type="button" class="link" onClick={forget(onForget)}>
          Use another token
        </button>
        {me !== undefined && (
          <span>
            Signed in as {me.name}, {me.role}
          </span>
        )}
        <span data-live={news.isLive}>
          {news.isLive ? 'Shown as it happens' : `Asked for every ${ASKING.statusMs / 1_000} s`}
        </span>
        <span>
          Charts: <a href="https://www.tradingview.com/">TradingView</a> Lightweight Charts™, © TradingView,
          Inc.
        </span>
      </footer>
    </div>
  );
}

const forget = (done: () => void) => () => {
  sessionStorage.removeItem(STORED);
  done();
};

const idOf = (tab: Tab): string => `tab-${tab.replace(' ', '-').toLowerCase()}`;

function Tabs({ chosen, onChoose }: { chosen: Tab; onChoose: (tab: Tab) => void }) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = TABS[(TABS.indexOf(chosen) + step + TABS.length) % TABS.length]!;
    onChoose(next);
    document.getElementById(idOf(next))?.focus();
  };
  return (
    <div role="tablist" class="tabs" aria-label="Views" onKeyDown={move}>
      {TABS.map((tab) => (
        <button
          key={tab}
          type="button"
          role="tab"
          id={idOf(tab)}
          aria-selected={tab === chosen}
          aria-controls="panel"
          tabIndex={tab === chosen ? 0 : -1}
          onClick={() => onChoose(tab)}
        >
          {tab}
        </button>
      ))}
    </div>
  );
}

/** How long ago a time was, by the second. */
function useAge(sinceMs: number | undefined): number {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return sinceMs === undefined ? 0 : Math.max(0, nowMs - sinceMs);
}

render(<App />, document.getElementById('app')!);
