//! The body of a request, read whole and within limits.

use axum::body::Body as HttpBody;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::config::Limits;
use crate::error::ChatError;

/// Reads a body of at most `limits.body_bytes`. What is more is read and dropped, within limits.
///
/// # Errors
/// [`ChatError::PayloadTooLarge`]; [`ChatError::MalformedJson`] for one that does not arrive.
pub(super) async fn read(mut body: HttpBody, limits: &Limits) -> Result<Bytes, ChatError> {
    let cut = ChatError::MalformedJson("it did not arrive whole");
    let reading = timeout(limits.body_time, read_up_to(&mut body, limits.body_bytes));
    match reading.await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            let dropping = discard(&mut body, limits.discard_bytes);
            // Whether it ends in time or not, the answer is the same.
            drop(timeout(limits.discard_time, dropping).await);
            Err(ChatError::PayloadTooLarge(limits.body_bytes))
        }
        Ok(Err(_)) | Err(_) => Err(cut),
    }
}

/// The whole body, or `None` as soon as it has more than `most` bytes.
async fn read_up_to(body: &mut HttpBody, most: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > most {
            return Ok(None);
        }
        if whole.is_empty() && http_body::Body::is_end_stream(body) {
            return Ok(Some(data)); // Nearly always: one piece, and no copy of it.
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(whole.freeze()))
}

async fn discard(body: &mut HttpBody, most: usize) {
    let mut dropped = 0;
    while dropped < most {
        match body.frame().await {
            Some(Ok(frame)) => dropped += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
