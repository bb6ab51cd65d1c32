// The server's jobs: told by events while one runs, or asked for where events do not come through.

import * as api from "./api";
import type { Job } from "./api";
import { toasts } from "./toasts.svelte";

const POLL = 500;

interface Working {
  jobs: Job[];
  version: number;
}

export interface Listener {
  /** A job has ended that ran when it was last heard of. */
  ended(job: Job): void;
  /** The items have this version now. */
  version(version: number): void;
}

export class Jobs {
  all = $state<Job[]>([]);
  readonly running = $derived(this.all.filter((job) => job.state === "running"));

  private events: EventSource | null = null;
  private polls = 0;

  constructor(private readonly listener: Listener) {}

  /** Follow a job that was just begun; that it has ended by now is told all the same. */
  begun(job: Job): void {
    this.all = [{ ...job, state: "running" }, ...this.all.filter((one) => one.job !== job.job)];
    this.follow();
  }

  async refresh(): Promise<void> {
    try {
      this.take(await api.get<Working>("jobs"));
    } catch (error) {
      toasts.fail(error);
    }
  }

  async cancel(job: Job): Promise<void> {
    try {
      await api.post("cancel", { job: job.job });
    } catch (error) {
      toasts.fail(error);
    }
  }

  private take(working: Working): void {
    const former = new Map(this.all.map((job) => [job.job, job.state]));
    this.all = working.jobs;
    for (const job of working.jobs) {
      if (job.state !== "running" && former.get(job.job) === "running") this.listener.ended(job);
    }
    this.listener.version(working.version);
    if (this.running.length) this.follow();
    else this.unfollow();
  }

  /** Listen while a job runs; a browser has few connections to a server, which tabs share. */
  private follow(): void {
    if (this.events || this.polls) return;
    let heard = false;
    const events = new EventSource("api/events");
    this.events = events;
    events.onmessage = (event) => {
      heard = true;
      this.take(JSON.parse(event.data) as Working);
    };
    events.onerror = () => {
      this.unfollow();
      if (heard) void this.refresh();
      else this.poll();
    };
  }

  private unfollow(): void {
    this.events?.close();
    this.events = null;
    clearTimeout(this.polls);
    this.polls = 0;
  }

  private poll(): void {
    this.polls = window.setTimeout(async () => {
      await this.refresh();
      if (this.running.length) this.poll();
    }, POLL);
  }
}
