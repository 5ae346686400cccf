"""The names that X knows: fields, expansions, the keys of a body, and the requests it allows in fifteen minutes."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def names(text: str) -> frozenset[str]:
    """The words of *text*."""
    return frozenset(text.split())


LIMITS = {  # requests of one user in 15 minutes, by handler
    "me": 75,
    "create_post": 100,
    "delete_post": 50,
    "post_by_id": 900,
    "posts_by_id": 5_000,
    "timeline": 900,
    "upload": 500,
    "initialize": 1_875,
    "append": 1_875,
    "finalize": 1_875,
    "upload_status": 1_000,
    "metadata": 500,
}
OLD_POST_FIELDS = names(
    "article attachments author_id card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls edit_history_tweet_ids entities geo id in_reply_to_user_id lang media_metadata "
    "non_public_metrics note_tweet organic_metrics possibly_sensitive promoted_metrics public_metrics "
    "referenced_tweets reply_settings scopes source text withheld"
)
NEW_POST_FIELDS = names(
    "article article_title attachments card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls entities geo id lang matched_media_notes media_metadata non_public_metrics "
    "note_post note_request_suggestions organic_metrics paid_partnership possibly_sensitive promoted_metrics "
    "public_metrics reply_settings scopes source suggested_source_links suggested_source_links_with_counts text "
    "withheld"
)
RENAMED = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "retweet_count": "repost_count",
}
USER_FIELDS = names(
    "confirmed_email connection_status created_at description entities id is_identity_verified location "
    "most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected public_metrics "
    "receives_your_dm subscribes_to_you subscription subscription_type url username verified "
    "verified_followers_count verified_type withheld"
)
MEDIA_FIELDS = names(
    "alt_text duration_ms height media_key non_public_metrics organic_metrics preview_image_url promoted_metrics "
    "public_metrics type url variants width"
)
EXPANSIONS = names(
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id edit_history_tweet_ids edit_history_post_ids entities.mentions.username "
    "geo.place_id in_reply_to_user_id referenced_tweets.id referenced_tweets.id.author_id referenced_posts "
    "username"
)
VOCABULARIES: Mapping[str, Collection[str]] = {
    "tweet.fields": OLD_POST_FIELDS,
    "post.fields": NEW_POST_FIELDS,
    "user.fields": USER_FIELDS,
    "media.fields": MEDIA_FIELDS,
    "expansions": EXPANSIONS,
}
POST_READS = {*VOCABULARIES, "poll.fields", "place.fields"}
PRIVATE_METRICS = {"non_public_metrics", "organic_metrics"}
BODY = {
    "text": str,
    "media": dict,
    "reply": dict,
    "reply_settings": str,
    "made_with_ai": bool,
    "paid_partnership": bool,
    "nullcast": bool,
}
NOT_REHEARSED = names(
    "card_uri community_id direct_message_deep_link edit_options for_super_followers_only geo poll quote_tweet_id "
    "share_with_followers"
)
BODY_MEDIA = names("media_ids tagged_user_ids description title embeddable preview_media_id call_to_actions")
BODY_REPLY = {"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"}
REPLY_SETTINGS = {"following", "mentionedUsers", "subscribers", "verified"}
METADATA = names(
    "allow_download_status alt_text audience_policy content_expiration domain_restrictions found_media_origin "
    "geo_restrictions management_info preview_image sensitive_media_warning shared_info sticker_info "
    "upload_source"
)
