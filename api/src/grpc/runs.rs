//! What-if runs.

use super::Door;
use super::convert::{interval, order};
use super::outlet::{Answers, pipe};
use super::proto::run_service_server::RunService;
use super::proto::{
    CancelRunRequest, DeleteRunRequest, DeleteRunResponse, GetRunRequest, ListRunsRequest, ListRunsResponse,
    ReadResultRequest, ResultPiece, Run, SubmitRunRequest, WatchRunRequest,
};
use super::twins::page;
use crate::files;
use crate::problem::Problem;
use futures::StreamExt;
use sim::results::summary;
use sim::runs::RunError;
use tonic::{Request, Response, Status};

fn refused(error: RunError) -> Status {
    Problem::from(error).into()
}

#[tonic::async_trait]
impl RunService for Door {
    async fn submit_run(&self, request: Request<SubmitRunRequest>) -> Result<Response<Run>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        if !asked.fork_twins.is_empty() {
            return Err(refused(RunError::Fork));
        }
        let seen = self.0.runs()?.submit(order(asked.order)?, caller.known()).await;
        Ok(Response::new(seen.map_err(refused)?.into()))
    }

    async fn get_run(&self, request: Request<GetRunRequest>) -> Result<Response<Run>, Status> {
        let caller = self.caller(&request).await?;
        let seen = self.0.runs()?.view(&request.into_inner().run, caller.known()).await;
        Ok(Response::new(seen.map_err(refused)?.into()))
    }

    async fn list_runs(
        &self,
        request: Request<ListRunsRequest>,
    ) -> Result<Response<ListRunsResponse>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let page = page(asked.page_size, asked.page_token);
        let found = self.0.runs()?.list(page.limit()?, page.cursor()?, caller.known()).await;
        let (runs, next) = found.map_err(refused)?;
        let next_page_token = next.map(|next| next.to_string()).unwrap_or_default();
        let runs = runs.into_iter().map(Into::into).collect();
        Ok(Response::new(ListRunsResponse { runs, next_page_token }))
    }

    type WatchRunStream = Answers<Run>;

    async fn watch_run(
        &self,
        request: Request<WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let interval = interval("interval_s", asked.interval_s, 0.5)?;
        let runs = self.0.runs()?.clone();
        let mut seen = runs.view(&asked.run, caller.known()).await.map_err(refused)?;
        let (mut outlet, answers) = pipe(&self.0);
        tokio::spawn(async move {
            if outlet.put(Run::from(seen.clone())).await.is_err() {
                return;
            }
            while seen.state.is_open() {
                let later = tokio::select! {
                    later = runs.view_after(&asked.run, caller.known(), seen.state, interval) => later,
                    _ = outlet.over() => return,
                };
                let put = match later {
                    // One that waits has nothing to tell.
                    Ok(later) if later == seen => continue,
                    Ok(later) => {
                        seen = later;
                        outlet.put(Run::from(seen.clone())).await
                    }
                    Err(error) => Err(outlet.end(refused(error))),
                };
                if put.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(answers))
    }

    async fn cancel_run(&self, request: Request<CancelRunRequest>) -> Result<Response<Run>, Status> {
        let caller = self.caller(&request).await?;
        let seen = self.0.runs()?.cancel(&request.into_inner().run, caller.known()).await;
        Ok(Response::new(seen.map_err(refused)?.into()))
    }

    async fn delete_run(
        &self,
        request: Request<DeleteRunRequest>,
    ) -> Result<Response<DeleteRunResponse>, Status> {
        let caller = self.caller(&request).await?;
        self.0.runs()?.forget(&request.into_inner().run, caller.known()).await.map_err(refused)?;
        Ok(Response::new(DeleteRunResponse {}))
    }

    type ReadResultStream = Answers<ResultPiece>;

    async fn read_result(
        &self,
        request: Request<ReadResultRequest>,
    ) -> Result<Response<Self::ReadResultStream>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let file = if asked.file.is_empty() { summary::FILE } else { &asked.file };
        let path = self.0.runs()?.result(&asked.run, file, caller.known()).await.map_err(refused)?;
        let broken = |error| refused(RunError::Files(error));
        let (length, pieces) = files::open(path).await.map_err(broken)?;
        let pieces = pieces.map(move |piece| match piece {
            Ok(data) => Ok(ResultPiece { data, length }),
            Err(error) => Err(broken(error)),
        });
        Ok(Response::new(Box::pin(pieces)))
    }
}
